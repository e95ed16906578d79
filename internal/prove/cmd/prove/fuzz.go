package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// A target is a fuzz test.
type target struct{ dir, name string }

// fuzzTargets are those of the root module that are wanted.
func (r runner) fuzzTargets(ctx context.Context) ([]target, error) {
	out, err := r.command(ctx, ".", "test", "-list", "^Fuzz", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("looking for fuzz tests: %w\n%s", err, out)
	}
	var all []target
	var names []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) > 1 && fields[0] == "ok": // and then the package
			dir := "." + strings.TrimPrefix(fields[1], module)
			for _, name := range names {
				if r.only.MatchString(dir + " " + name) {
					all = append(all, target{dir, name})
				}
			}
			names = nil
		}
	}
	return all, nil
}

const module = "github.com/rollcall-go/rollcall"

var executions = regexp.MustCompile(`execs: (\d+)`)

// fuzz tries a number of inputs on one target. It is a number and not a time,
// since at the end of a time Go's fuzzer, before 1.27, takes its own deadline for a
// failure of the test now and then (https://go.dev/issue/75804).
func (r runner) fuzz(ctx context.Context, t target, inputs int) row {
	x := row{promise: "no input brings a decoder down", where: strings.TrimPrefix(t.dir, "./"), test: t.name, state: notHeld}
	fmt.Fprintf(r.progress, "prove: %s %s\n", t.dir, t.name) //nolint:errcheck // nobody to tell
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := r.command(ctx, t.dir, "test", "-run", "^$", "-fuzz", "^"+t.name+"$",
		"-fuzztime", fmt.Sprintf("%dx", inputs), "-fuzzminimizetime", "1x", ".").CombinedOutput()
	if err != nil {
		x.detail = fmt.Sprintf("%s%v", out, err)
		return x
	}
	all := executions.FindAllSubmatch(out, -1)
	if len(all) == 0 {
		x.detail = "nothing was tried\n" + string(out)
		return x
	}
	x.state = held
	x.figure = fmt.Sprintf("%s inputs", all[len(all)-1][1])
	return x
}
