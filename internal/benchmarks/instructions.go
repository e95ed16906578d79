package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
)

var errNoValgrind = errors.New("valgrind is not installed")

// countInstructions returns how many instructions one operation of a Loop takes: this
// program is run under cachegrind for two counts, of which many is the larger, so that
// what both do besides falls out.
func countInstructions(ctx context.Context, subject, side string, many int) (float64, error) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return 0, errNoValgrind
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	few := many / 5
	var refs [2]float64
	for i, n := range []int{few, many} {
		cmd := exec.CommandContext(ctx, valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", self)
		cmd.Env = append(os.Environ(), countEnv+"="+strings.Join([]string{subject, side, strconv.Itoa(n)}, "\t"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("cachegrind: %w: %s", err, out)
		}
		m := irefs.FindSubmatch(out)
		if m == nil {
			return 0, fmt.Errorf("cachegrind says nothing of instructions: %s", out)
		}
		if refs[i], err = strconv.ParseFloat(strings.ReplaceAll(string(m[1]), ",", ""), 64); err != nil {
			return 0, err
		}
	}
	return (refs[1] - refs[0]) / float64(many-few), nil
}

var irefs = regexp.MustCompile(`I\s+refs:\s+([\d,]+)`)

// countEnv tells the program, run by itself, what to repeat how often.
const countEnv = "ROLLCALL_BENCHMARKS_COUNT"

// repeat is the program under cachegrind. Collections would be counted, and come when
// they please, so there are none.
func repeat(ctx context.Context, what string) (err error) {
	debug.SetGCPercent(-1)
	subject, rest, _ := strings.Cut(what, "\t")
	name, count, _ := strings.Cut(rest, "\t")
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for _, s := range subjects() {
		for _, side := range s.Sides {
			if s.Name != subject || side.Name != name {
				continue
			}
			c := &contestant{side: side, env: &Env{Context: ctx}}
			defer func() { err = errors.Join(err, c.env.close()) }()
			if err := c.env.folder(); err != nil {
				return err
			}
			loop, err := side.Loop(c.env)
			if err != nil {
				return err
			}
			return loop(n)
		}
	}
	return fmt.Errorf("there is no %s, %s", subject, name)
}
