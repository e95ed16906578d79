package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// A state is what became of a promise.
type state string

const (
	held    state = "held"
	notHeld state = "NOT HELD"
	notRun  state = "not run"
	// missed is for a time beyond its promise, in a test that passed. Another
	// program on the machine is enough for that, so it is shown and fails nothing.
	missed state = "MISSED HERE"
)

// A row is a promise and the test that proves it.
type row struct {
	promise     string
	where, test string
	figure      string // of several lines, perhaps
	state       state
	privileged  bool   // the test takes what not every machine grants
	detail      string // what a test said whose promise is not held
}

// print writes the table, and reports whether all promises are held. Those that
// were not run count as held, unless required: then only those do whose privilege
// the machine does not grant.
func print(w io.Writer, rows []row, required bool, took time.Duration) (allHeld bool, err error) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "\npromise\ttest\tfigure\t\n") //nolint:errcheck // Flush has the error
	counts, lacking := make(map[state]int), 0
	for _, r := range rows {
		counts[r.state]++
		if r.state == notRun && !r.privileged {
			lacking++
		}
		first, others, _ := strings.Cut(cmp.Or(r.figure, "-"), "\n")
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", r.promise, strings.TrimSpace(r.where+" "+r.test), first, r.state) //nolint:errcheck // Flush has the error
		for other := range strings.Lines(others) {
			fmt.Fprintf(tw, "\t\t%s\t\n", strings.TrimSuffix(other, "\n")) //nolint:errcheck // Flush has the error
		}
	}
	if err := tw.Flush(); err != nil {
		return false, err
	}
	for _, r := range rows {
		if r.state == notHeld {
			if _, err := fmt.Fprintf(w, "\n== %s: %s %s\n%s\n", r.promise, r.where, r.test, strings.TrimSpace(r.detail)); err != nil {
				return false, err
			}
		}
	}
	if n := counts[missed]; n > 0 {
		if _, err := fmt.Fprintf(w, "\n%s beyond the promise, and may be held on a machine that does nothing else: run it again there.\n", plural(n, "time")); err != nil {
			return false, err
		}
	}
	_, err = fmt.Fprintf(w, "\n%d held, %d not held, %d missed, %d not run, in %s.\n",
		counts[held], counts[notHeld], counts[missed], counts[notRun], took.Round(time.Second))
	return counts[notHeld] == 0 && (lacking == 0 || !required), err
}

func plural(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprint(n, " ", of, "s")
}
