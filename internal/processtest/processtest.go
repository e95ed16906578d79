// Package processtest is for tests of what several processes do to one store, and of what
// becomes of it when they are killed. The processes are the test binary itself, whose
// TestMain asks the environment for a task.
package processtest

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// Command returns the test binary itself, to be started with variables, each NAME=value,
// beside those of this process. It is killed when ctx ends.
func Command(ctx context.Context, t testing.TB, variables ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), variables...)
	cmd.Stderr = os.Stderr
	return cmd
}
