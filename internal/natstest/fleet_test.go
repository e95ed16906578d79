package natstest

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// examples/fleet plays its story on a bucket: it kills a bot and the deliverer, and
// loses nobody. A second run finds everybody there.
func TestFleet(t *testing.T) {
	t.Parallel() // most of it is the wait for a claim to end
	n := single(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	fleet := filepath.Join(t.TempDir(), "fleet")
	build := exec.CommandContext(ctx, "go", "build", "-o", fleet, "./examples/fleet")
	build.Dir = "../.." // its modules are not those of this one
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, end := range []string{
		"\n8 in all, 8 created by this run, 0 of them twice. Owed: 0 to Monosay, 0 to the webhook. Killed: 2 processes. Lost: 0 people.\n",
		"\n8 in all, 0 created by this run, 0 of them twice. Owed: 0 to Monosay, 0 to the webhook. Killed: 2 processes. Lost: 0 people.\n",
	} {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, fleet, "-nats", n.url(), "-people", "8")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.WaitDelay = time.Second
		if err := cmd.Run(); err != nil || !strings.HasSuffix(stdout.String(), end) {
			t.Fatalf("%v, and the story does not end in %q:\n%s%s", err, end, stdout.String(), stderr.String())
		}
		if !strings.Contains(stderr.String(), "may lose what it has acknowledged") {
			t.Errorf("nobody is warned of the server's default:\n%s", stderr.String())
		}
	}
}
