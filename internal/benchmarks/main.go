package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := start(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		stop()
		os.Exit(1) //nolint:forbidigo // a command says by it that it failed
	}
}

func start(ctx context.Context) error {
	if what := os.Getenv(countEnv); what != "" {
		return repeat(ctx, what)
	}
	var o options
	flag.StringVar(&o.rows, "rows", "", "only subjects and curves whose name matches this regular `expression`")
	flag.IntVar(&o.rounds, "rounds", -1, "`rounds` of each subject; 0 measures nothing; else its own number of them")
	flag.BoolVar(&o.quick, "quick", false, "only what has a guard; fail where one is broken")
	flag.BoolVar(&o.large, "large", false, "also 10 M people in a store's file, which takes some minutes and 4 GB of disk")
	flag.BoolVar(&o.write, "write", false, "write docs/benchmarks.json, and the page, the SVGs and the README's block from it")
	flag.Parse()
	return o.run(ctx)
}

type options struct {
	rows         string
	rounds       int
	quick, large bool
	write        bool
}

func (o options) run(ctx context.Context) error {
	match, err := regexp.Compile(o.rows)
	if err != nil {
		return err
	}
	results, err := loadResults(resultsFile)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(os.Stdout, tableHead()); err != nil {
		return err
	}
	broken := 0
	for _, s := range subjects() {
		if !match.MatchString(s.Name) || o.rounds == 0 {
			continue
		}
		if o.quick {
			s.Claims = guarded(s.Claims)
		}
		if len(s.Claims) == 0 {
			continue
		}
		readings, err := run(ctx, s, o.roundsOf(s))
		lacks, unavailable := errors.AsType[UnavailableError](err)
		if err != nil && !unavailable {
			return err
		}
		for _, c := range s.Claims {
			r, err := s.judge(c, readings, string(lacks))
			if err != nil {
				return err
			}
			if _, err := io.WriteString(os.Stdout, r.line()); err != nil {
				return err
			}
			results.put(r)
			if o.quick && r.Skipped == "" && !c.Guard.Holds(r.Median) {
				broken++
			}
		}
	}
	if err := o.runCurves(ctx, match, results); err != nil {
		return err
	}
	if o.write {
		results.arrange(subjects(), curves())
		if err := results.write(); err != nil {
			return err
		}
	}
	if broken > 0 {
		return fmt.Errorf("%d guards are broken", broken)
	}
	return nil
}

func (o options) roundsOf(s Subject) int {
	const usual = 7
	switch {
	case o.quick:
		return 1
	case o.rounds > 0:
		return o.rounds
	case s.Rounds > 0:
		return s.Rounds
	default:
		return usual
	}
}

func guarded(claims []Claim) (kept []Claim) {
	for _, c := range claims {
		if c.Guard.set {
			kept = append(kept, c)
		}
	}
	return kept
}

// runCurves measures the curves that are asked for.
func (o options) runCurves(ctx context.Context, match *regexp.Regexp, results *Results) error {
	for _, c := range curves() {
		if o.quick || o.rounds == 0 || !match.MatchString(c.Name) {
			continue
		}
		lines, err := c.measure(ctx, o.large)
		if err != nil {
			return err
		}
		for _, p := range lines {
			results.putCurve(p)
			if _, err := io.WriteString(os.Stdout, p.line()); err != nil {
				return err
			}
		}
	}
	return nil
}
