package prove_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func init() { children["story"] = storyChild }

var storyKills = map[string]failMode{"before": killBefore, "after": killAfter}

// storyChild tells the story in a process that may be killed, and prints what it was
// told is durable.
func storyChild(args []string) error {
	dir, when := args[0], args[1]
	at, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	began, err := time.Parse(time.RFC3339, args[3])
	if err != nil {
		return err
	}
	st, err := sqlitestore.Open(filepath.Join(dir, "users.db"))
	if err != nil {
		return err
	}
	f := &failpoint{at: at, mode: storyKills[when]}
	var failed error
	s := &story{
		store: failingStore{inner: st, f: f, lease: 200 * time.Millisecond}, began: began,
		complain: func(what string, err error) { failed = errors.Join(failed, fmt.Errorf("%s: %w", what, err)) },
		outcome:  func(o middleware.Outcome) { fmt.Println("saved", o.Key.UserID, o.Profile.Username) },
		did:      func(what string) { fmt.Println("did", what) },
	}
	for _, name := range storyBackends {
		journal, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer journal.Close()
		s.backends = append(s.backends, failingBackend{newCRMDouble(name, journal), f})
	}
	s.tell()
	if s.outcomes != s.observed {
		s.complain("in the end", fmt.Errorf("%d outcomes for %d observations", s.outcomes, s.observed))
	}
	return errors.Join(failed, st.Close())
}

// The process is killed before and after each call of the store and of the backends,
// one call after the other until a run in which it was not. Then it is started again.
func TestKillAtEveryCallLosesNothing(t *testing.T) {
	t.Attr("promise", "a kill -9 before or after any call loses nothing durable")
	const atOnce = 6
	var all sync.WaitGroup
	var mu sync.Mutex
	kills, told := 0, 0
	for when := range storyKills {
		places := make(chan int64)
		var passed sync.Once
		clean := make(chan struct{})
		go func() {
			defer close(places)
			for n := int64(1); ; n += int64(size(23, 1, 1)) {
				select {
				case places <- n:
				case <-clean:
					return
				}
			}
		}()
		for range atOnce / len(storyKills) {
			all.Go(func() {
				for n := range places {
					killed, durable := killAndGoOn(t, when, n)
					mu.Lock()
					told += durable
					if killed {
						kills++
					}
					mu.Unlock()
					if !killed {
						passed.Do(func() { close(clean) })
					}
				}
			})
		}
	}
	all.Wait()
	t.Attr("figure", fmt.Sprintf("%d kills, %d acknowledged, 0 lost", kills, told))
}

// killAndGoOn reports whether the process was killed, and what was durable by then.
func killAndGoOn(t *testing.T, when string, n int64) (killed bool, durable int) {
	dir := t.TempDir()
	began := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	out, err := storyProcess(t, dir, when, n, began).Output()
	place := fmt.Sprintf("killed %s call %d", when, n)
	exit, ok := errors.AsType[*exec.ExitError](err)
	killed = ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if err != nil && !killed {
		t.Errorf("%s: %v %s", place, err, exitText(exit))
		return false, 0
	}
	durable = strings.Count(string(out), "\n")
	problems := afterKill(t, dir, string(out))
	if killed {
		if _, err := storyProcess(t, dir, when, 0, began).Output(); err != nil {
			exit, _ := errors.AsType[*exec.ExitError](err)
			t.Errorf("%s: the next process: %v %s", place, err, exitText(exit))
			return killed, durable
		}
	}
	st, doubles, err := storyRemains(dir)
	if err != nil {
		t.Errorf("%s: %v", place, err)
		return killed, durable
	}
	problems = append(problems, (&story{}).ended(t.Context(), st, doubles)...)
	if err := errors.Join(st.Close(), integrity(filepath.Join(dir, "users.db"))); err != nil {
		problems = append(problems, err.Error())
	}
	if len(problems) > 0 {
		t.Errorf("%s: %s", place, strings.Join(problems, "\n"))
	}
	return killed, durable
}

func exitText(exit *exec.ExitError) string {
	if exit == nil {
		return ""
	}
	return string(exit.Stderr)
}

func storyProcess(t *testing.T, dir, when string, n int64, began string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Error(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, dir, when, strconv.FormatInt(n, 10), began)
	cmd.Env = append(os.Environ(), "PROVE_CHILD=story")
	return cmd
}

// storyRemains opens what a process left.
func storyRemains(dir string) (*sqlitestore.Store, []*crmDouble, error) {
	var doubles []*crmDouble
	for _, name := range storyBackends {
		d := newCRMDouble(name, nil)
		journal, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = d.replay(journal)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, nil, err
		}
		doubles = append(doubles, d)
	}
	st, err := sqlitestore.Open(filepath.Join(dir, "users.db"))
	return st, doubles, err
}

// afterKill says what of that which a process was told is durable is not there, and
// what is neither at a backend nor owed to it.
func afterKill(t *testing.T, dir, out string) (problems []string) {
	st, doubles, err := storyRemains(dir)
	if err != nil {
		return []string{err.Error()}
	}
	defer func() {
		if err := st.Close(); err != nil {
			problems = append(problems, err.Error())
		}
	}()
	wrong := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		switch {
		case strings.TrimSpace(line) == "did "+storyForgetting:
			if _, err := st.Get(t.Context(), storyKey(storyForgotten)); !errors.Is(err, store.ErrSuppressed) {
				wrong("a Forget that returned is undone: %v", err)
			}
		case strings.TrimSpace(line) == "did "+storySetting:
			if r, err := st.Get(t.Context(), storyKey(2)); err != nil || r.Profile().Email != storyEmail {
				wrong("a Set that returned is lost: %v", err)
			}
		case words[0] == "saved" && len(words) == 3 && words[1] != strconv.Itoa(storyForgotten) && words[1] != strconv.Itoa(storyReturning) && words[1] != strconv.Itoa(storySilent):
			r, err := st.Get(t.Context(), store.Key{Channel: "telegram", UserID: words[1]})
			if name := r.Profile().Username; err != nil || name < words[2] { // one digit of version each
				wrong("%s was saved and is %q, %v", words[2], name, err)
			}
		}
	}
	for _, d := range doubles {
		problems = append(problems, owedOrThere(t, st, d)...)
	}
	return problems
}

// owedOrThere names those who are kept, and whom a backend neither has nor is owed.
func owedOrThere(t *testing.T, st *sqlitestore.Store, d *crmDouble) (problems []string) {
	backlogs, err := st.Backlogs(t.Context())
	if err != nil {
		return []string{err.Error()}
	}
	if !slices.ContainsFunc(backlogs, func(b store.Backlog) bool { return b.Backend == d.name && b.Complete }) {
		return nil // it was killed before it had enrolled the backend
	}
	for x, err := range st.Dossiers(t.Context(), store.Key{}) {
		if err != nil {
			return append(problems, err.Error())
		}
		s, _ := standing(x, d.name)
		there := d.people[x.Key.UserID][store.FieldUsername] == x.Record.Profile().Username
		if !x.Forgotten && s.State != store.StateOwed && !there {
			problems = append(problems, fmt.Sprintf("%s has not got person %s, and is not owed them", d.name, x.Key.UserID))
		}
	}
	return problems
}
