// Command prove runs the tests that rollcall's promises rest on, and prints one
// table: promise, test, figure, and whether it is held. It ends non-zero when one
// is not, or when a test that the table names is not there.
//
//	go run ./cmd/prove                   # what "make prove" does, some minutes
//	go run ./cmd/prove -soak             # what "make soak" does, some hours
//	go run ./cmd/prove -only 'NATS|Fuzz' # the tests whose name matches
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"sync"
	"time"
)

func main() {
	soak := flag.Bool("soak", false, "run the large sizes")
	only := flag.String("only", "", "run only the tests whose folder and name match this `regexp`")
	fuzz := flag.Int("fuzz", 0, "how many inputs each fuzz target gets; 0 is 30,000, and with -soak 5 million")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	held, err := prove(ctx, *soak, *only, *fuzz)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
	}
	if err != nil || !held {
		stop()
		os.Exit(1) //nolint:forbidigo // it is a command
	}
}

func prove(ctx context.Context, soak bool, only string, fuzz int) (held bool, err error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return false, err
	}
	root, err := rootOf(ctx)
	if err != nil {
		return false, err
	}
	r := runner{root: root, soak: soak, only: wanted, progress: os.Stderr}
	began := time.Now()
	of := make([][]row, len(suites))
	var beside sync.WaitGroup
	for i, s := range suites {
		if s.beside {
			beside.Go(func() { of[i] = r.run(ctx, s) })
		} else {
			of[i] = r.run(ctx, s)
		}
	}
	if fuzz == 0 {
		fuzz = 30_000
		if soak {
			fuzz = 5_000_000
		}
	}
	var fuzzed []row
	targets, err := r.fuzzTargets(ctx)
	if err != nil { // the rest of the table is worth seeing
		fuzzed = append(fuzzed, row{promise: "no input brings a decoder down", state: notHeld, detail: err.Error()})
	}
	for _, t := range targets {
		fuzzed = append(fuzzed, r.fuzz(ctx, t, fuzz))
	}
	beside.Wait()
	rows := append(slices.Concat(of...), fuzzed...)
	if len(rows) == 0 {
		return false, fmt.Errorf("no test matches %q", only)
	}
	required := os.Getenv("ROLLCALL_REQUIRE_SERVERS") != ""
	return print(os.Stdout, rows, required, time.Since(began))
}
