package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// limit ends a suite that hangs.
const limit = 4 * time.Hour

type runner struct {
	root     string
	soak     bool
	only     *regexp.Regexp
	progress io.Writer
}

// rootOf is the folder of the repository's go.mod, two above this module's.
func rootOf(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "..", ".."), nil
}

// run runs a suite and returns a row for each of its promises.
func (r runner) run(ctx context.Context, s suite) []row {
	pattern := s.pattern(r.only)
	if pattern == "" {
		return nil
	}
	args := []string{"test", "-json", "-count=1", "-timeout", limit.String(), "-run", pattern, "."}
	args = append(args, s.args...)
	if r.soak {
		args = append(args, s.soak...)
	}
	cmd := r.command(ctx, s.dir, args...)
	if r.soak {
		cmd.Env = append(cmd.Env, "ROLLCALL_SOAK=1")
	}
	fmt.Fprintf(r.progress, "prove: %s\n", s.dir) //nolint:errcheck // nobody to tell
	got := newReport()
	failed := r.goTest(cmd, got)
	return got.rows(s, r.only, failed)
}

// command is "go args" in dir, which is from the root of the repository.
func (r runner) command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(r.root, dir)
	cmd.Env = append(os.Environ(), "ROLLCALL_PROVE=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// goTest adds what go says to got, and returns what is left to say when it fails.
func (r runner) goTest(cmd *exec.Cmd, got *report) string {
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err.Error()
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			got.add(e)
			r.tell(e)
		} else {
			problems.Write(line)
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		return err.Error() + "\n" + problems.String()
	}
	return ""
}

// tell says that a test has ended: some take minutes.
func (r runner) tell(e event) {
	if e.Test == "" || strings.Contains(e.Test, "/") {
		return
	}
	switch e.Action {
	case "pass", "fail", "skip":
		fmt.Fprintf(r.progress, "prove:   %s %s %.0fs\n", e.Action, e.Test, e.Elapsed) //nolint:errcheck // nobody to tell
	}
}
