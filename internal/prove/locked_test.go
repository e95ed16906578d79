package prove_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func init() { children["hold"] = hold }

// hold runs statements on a file, says so, and keeps what they took until its standard
// input ends.
func hold(args []string) (err error) {
	path, script := args[0], args[1]
	db, err := openPlain(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(script); err != nil {
		return err
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// A holder is another process that has locked a file.
type holder struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Closer
}

func startHolder(t *testing.T, path, script string) *holder {
	t.Helper()
	cmd := processtest.Command(t.Context(), t, "PROVE_CHILD=hold")
	cmd.Args = append(cmd.Args, path, script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line := bufio.NewScanner(out); !line.Scan() {
		t.Fatal("the other process could not lock the file")
	}
	return &holder{t: t, cmd: cmd, in: in}
}

func (h *holder) letGo() {
	h.t.Helper()
	if err := errors.Join(h.in.Close(), h.cmd.Wait()); err != nil {
		h.t.Errorf("the other process: %v", err)
	}
}

func (h *holder) kill() {
	h.t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		h.t.Error(err)
	}
	_ = h.cmd.Wait() // killed
}

// Another process locks the file for longer than the store waits, in the middle of a
// bot's work, and lets go or is killed.
func TestLockedFileLosesNothing(t *testing.T) {
	t.Parallel() // most of it is the wait for the lock
	t.Attr("promise", "a store file that another process locks costs the bot nothing")
	const people = 500
	path := filepath.Join(t.TempDir(), "users.db")
	st, err := sqlitestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make(chan middleware.Result, 10*people)
	mw, err := middleware.New(st, &middleware.Options{OnOutcome: func(_ context.Context, o middleware.Outcome) { outcomes <- o.Result }})
	if err != nil {
		t.Fatal(err)
	}
	version, observed := int64(0), 0
	everybody := func() {
		version++
		for n := range people {
			s := &middleware.Sender{Channel: "telegram", UserID: fmt.Sprint(n), Event: "message", At: changedAt(version)}
			s.Set(store.FieldUsername, fmt.Sprint("v", version))
			mw.Observe(s)
			observed++
		}
	}
	everybody()
	if err := mw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(*holder){"lets go": (*holder).letGo, "is killed": (*holder).kill} {
		h := startHolder(t, path, "BEGIN EXCLUSIVE; UPDATE profiles SET username = 'half'")
		everybody()
		key := store.Key{Channel: "telegram", UserID: "7"}
		if r, err := st.Get(t.Context(), key); err != nil || r.Profile().Username != fmt.Sprint("v", version-1) {
			t.Errorf("while the file is locked the store reads %q, %v", r.Profile().Username, err)
		}
		if p, err := mw.Get(t.Context(), key); err != nil || p.Username != fmt.Sprint("v", version) {
			t.Errorf("while the file is locked a handler sees %q, %v", p.Username, err)
		}
		if err := mw.Set(t.Context(), key, store.Declared, store.Profile{Email: "a@example.org"}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("while the file is locked Set returns %v; want it to wrap ErrUnavailable", err)
		}
		if waiting := mw.Stats().Waiting; waiting != people {
			t.Errorf("%d people wait; want all %d", waiting, people)
		}
		end(h)
		if err := mw.Flush(t.Context()); err != nil {
			t.Errorf("when the other process %s: %v", name, err)
		}
		for n := range people {
			r, err := st.Get(t.Context(), store.Key{Channel: "telegram", UserID: fmt.Sprint(n)})
			if got := r.Profile().Username; err != nil || got != fmt.Sprint("v", version) {
				t.Fatalf("when the other process %s, person %d is %q, %v; want v%d", name, n, got, err, version)
			}
		}
	}
	if err := errors.Join(mw.Close(t.Context()), st.Close(), integrity(path)); err != nil {
		t.Error(err)
	}
	if len(outcomes) != observed {
		t.Errorf("%d outcomes for %d observations", len(outcomes), observed)
	}
	t.Attr("figure", fmt.Sprintf("%d outcomes for %d observations, 0 lost; the other let go, or was killed", len(outcomes), observed))
}

func TestFileThatAnotherProgramKeepsIsNotOpened(t *testing.T) {
	t.Parallel() // the same
	t.Attr("promise", "Open says who is in the way")
	path := filepath.Join(t.TempDir(), "users.db")
	st, err := sqlitestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	h := startHolder(t, path, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
	if st, err := sqlitestore.Open(path); err == nil {
		t.Error("a file that another program keeps to itself was opened", st.Close())
	} else if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "another program holds the file") {
		t.Errorf("the error does not say that another program holds the file: %v", err)
	}
	h.letGo()
	if st, err = sqlitestore.Open(path); err != nil {
		t.Fatalf("when the other program has ended: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	t.Attr("figure", "another program holds the file")
}
