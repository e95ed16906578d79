package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The guards are measured by the program as make bench has it: the race detector, under
// which tests run, allocates and counts by itself.
func TestGuards(t *testing.T) {
	program := filepath.Join(t.TempDir(), "benchmarks")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program, "-quick")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	t.Logf("\n%s", out)
	if err != nil {
		t.Error(err)
	}
}
