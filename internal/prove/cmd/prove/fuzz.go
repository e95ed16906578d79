package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A target is a fuzz test.
type target struct{ dir, name string } // dir is from the root of the repository

// fuzzTargets are those of the root module that are wanted. They are looked for in the
// source: to ask each package's tests would build them all.
func (r runner) fuzzTargets(ctx context.Context) ([]target, error) {
	list := `{{$p := .}}{{range .TestGoFiles}}{{$p.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p.Dir}}/{{.}}{{"\n"}}{{end}}`
	out, err := r.command(ctx, ".", "list", "-f", list, "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("looking for fuzz tests: %w", err)
	}
	var all []target
	for path := range strings.Lines(string(out)) {
		path = strings.TrimSpace(path)
		if path == "" {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("looking for fuzz tests: %w", err)
		}
		dir, err := filepath.Rel(r.root, filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("looking for fuzz tests: %w", err)
		}
		for _, found := range fuzzTest.FindAllSubmatch(source, -1) {
			if name := string(found[1]); r.only.MatchString(dir + " " + name) {
				all = append(all, target{dir, name})
			}
		}
	}
	return all, nil
}

var fuzzTest = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(\w+ \*testing\.F\)`)

var executions = regexp.MustCompile(`execs: (\d+)`)

// fuzz tries a number of inputs on one target. It is a number and not a time,
// since at the end of a time Go's fuzzer, before 1.27, takes its own deadline for a
// failure of the test now and then (https://go.dev/issue/75804).
func (r runner) fuzz(ctx context.Context, t target, inputs int) row {
	x := row{promise: "no input brings a decoder down", where: t.dir, test: t.name, state: notHeld}
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
