package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
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

// fuzz runs one target for some time, and for longer where a busy machine got no
// further than the inputs that are known.
func (r runner) fuzz(ctx context.Context, t target, d time.Duration) row {
	x := row{promise: "no input brings a decoder down", where: strings.TrimPrefix(t.dir, "./"), test: t.name, state: notHeld}
	fmt.Fprintf(r.progress, "prove: %s %s\n", t.dir, t.name) //nolint:errcheck // nobody to tell
	for _, d := range []time.Duration{d, 10 * d} {
		cmd := r.command(ctx, t.dir, "test", "-run", "^$", "-fuzz", "^"+t.name+"$",
			"-fuzztime", d.String(), "-fuzzminimizetime", "1x", ".")
		out, err := cmd.CombinedOutput()
		if err != nil {
			x.detail = fmt.Sprintf("%s%v", out, err)
			return x
		}
		if all := executions.FindAllSubmatch(out, -1); len(all) > 0 {
			x.state, x.detail = held, ""
			x.figure = fmt.Sprintf("%s inputs in %s", all[len(all)-1][1], d)
			return x
		}
		x.detail = "nothing was tried\n" + string(out)
	}
	return x
}
