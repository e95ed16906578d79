package pgtest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
)

func TestServerStopsAndStarts(t *testing.T) {
	s := pgtest.Private(t)
	for _, stop := range []func() error{s.Stop, s.Crash} {
		pool := pgtest.Connect(t, s.DSN)
		if err := pool.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if err := pool.Ping(t.Context()); err == nil {
			t.Error("a stopped server answers")
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNeverRoot(t *testing.T) {
	s := pgtest.Private(t)
	pool := pgtest.Connect(t, s.DSN)
	var folder string
	if err := pool.QueryRow(t.Context(), "SHOW data_directory").Scan(&folder); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/" + pidOf(t, folder) + "/status")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	if strings.Contains(string(status), "\nUid:\t0\t") {
		t.Error("Postgres runs as root")
	}
}

// The test binary is killed with no chance to clean up.
func TestKilledTestsLeaveNothing(t *testing.T) {
	if os.Getenv("PGTEST_KILLED") != "" {
		s := pgtest.Private(t)
		var folder string
		if err := pgtest.Connect(t, s.DSN).QueryRow(t.Context(), "SHOW data_directory").Scan(&folder); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(os.Getenv("PGTEST_KILLED"), []byte(folder+" "+pidOf(t, folder)), 0o600); err != nil {
			t.Fatal(err)
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		_ = self.Kill()
		select {}
	}
	pgtest.DSN(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	note := t.TempDir() + "/note"
	cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestKilledTestsLeaveNothing$")
	cmd.Env = append(os.Environ(), "PGTEST_KILLED="+note)
	_ = cmd.Run() // killed
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal("the test is blind: ", err)
	}
	folder, pid, _ := strings.Cut(string(text), " ")
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		_, there := os.Stat(folder)
		_, runs := os.Stat("/proc/" + pid)
		if os.IsNotExist(there) && os.IsNotExist(runs) {
			return
		}
	}
	t.Errorf("Postgres %s outlives the test binary, or its folder does", pid)
}

func pidOf(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(folder + "/postmaster.pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	return pid
}
