//go:build unix

package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// explainDB names the variable that makes a child process the command.
const explainDB = "ROLLCALL_TEST_EXPLAIN_DB"

func TestMain(m *testing.M) {
	if db := os.Getenv(explainDB); db != "" {
		os.Args = []string{"explain", "-db", db}
		main()
		return
	}
	os.Exit(m.Run())
}

// A copy of everybody must not stay in the temporary folder.
func TestNoCopyStaysWhenItIsStopped(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "users.db")
	st, err := sqlitestore.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for name, stop := range map[string]func(child *exec.Cmd, stdin io.Writer, stdout io.Closer){
		"by Ctrl-C at the prompt": func(child *exec.Cmd, _ io.Writer, _ io.Closer) { _ = child.Process.Signal(os.Interrupt) },
		"by a lost terminal":      func(child *exec.Cmd, _ io.Writer, _ io.Closer) { _ = child.Process.Signal(syscall.SIGHUP) },
		"by a head": func(_ *exec.Cmd, stdin io.Writer, stdout io.Closer) {
			_ = stdout.Close()
			_, _ = io.WriteString(stdin, update+"\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), explainDB+"="+db, "TMPDIR="+folder)
			stdin, err := child.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(stdin, update+"\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if left := copies(t, folder); len(left) != 1 {
				t.Fatalf("while it runs there is %v", left)
			}
			stop(child, stdin, stdout)
			if err := child.Wait(); err == nil {
				t.Error("it ended as if it had not been stopped")
			}
			if left := copies(t, folder); len(left) != 0 {
				t.Errorf("it left %v behind", left)
			}
		})
	}
}

func copies(t *testing.T, folder string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
