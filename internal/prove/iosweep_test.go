package prove_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/prove/disk"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// Each call of SQLite's to the disk fails once, and each fails together with all after
// it, one call after the other until a run in which none did. Then the disk works
// again, and what was asked is asked again.
func TestEveryFailingCallOfTheDiskLosesNothing(t *testing.T) {
	t.Attr("promise", "a disk that fails at any call costs an error, and nothing more")
	full := sweptFile(t, "")
	old := sweptFile(t, "DROP TABLE standings; DROP TABLE backends; PRAGMA user_version = 1")
	var calls, refused int
	for _, step := range sweptSteps {
		t.Run(step.name, func(t *testing.T) {
			template := full
			switch {
			case step.creates:
				template = ""
			case step.migrates:
				template = old
			}
			golden := attempt(t, template, step, nil)
			for _, lasting := range []bool{false, true} {
				for n := int64(1); !t.Failed(); n += int64(size(23, 1, 1)) {
					f := &fault{at: n, lasting: lasting}
					if got := attempt(t, template, step, f); !reflect.DeepEqual(got, golden) {
						t.Errorf("%s: afterwards the file does not hold what it should", f)
					}
					if f.calls.Load() < n {
						break
					}
					calls++
					if f.refused {
						refused++
					}
				}
			}
		})
	}
	t.Attr("figure", fmt.Sprintf("%d failing calls in %d operations, %d of them an error, 0 lost, 0 corrupt", calls, len(sweptSteps), refused))
}

// A fault lets one call fail, or it and all later ones.
type fault struct {
	at      int64
	lasting bool
	calls   atomic.Int64
	hit     atomic.Pointer[disk.Call]
	refused bool // the operation returned an error
}

func (f *fault) decide(c disk.Call) disk.Code {
	n := f.calls.Add(1)
	if n == f.at {
		f.hit.Store(&c)
	}
	if n == f.at || f.lasting && n > f.at {
		return c.Kind.Failure()
	}
	return 0
}

func (f *fault) String() string {
	what := "call"
	if f.lasting {
		what = "every call from"
	}
	if hit := f.hit.Load(); hit != nil {
		return fmt.Sprintf("%s %d (%s %s)", what, f.at, hit.Kind, filepath.Ext(hit.Path))
	}
	return fmt.Sprintf("%s %d", what, f.at)
}

// attempt does a step while the disk fails, and once more where that was refused, when
// it works again. It returns what the file then holds. f may be nil.
func attempt(t *testing.T, template string, step sweptStep, f *fault) map[store.Key]store.Dossier {
	t.Helper()
	dir := t.TempDir()
	s := &swept{path: filepath.Join(dir, "users.db")}
	if template != "" {
		content, err := os.ReadFile(template)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := disk.Attach(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.Hurry()
	defer func() {
		if err := errors.Join(d.Detach(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	}()
	if step.before != nil {
		if err := step.before(t, s); err != nil {
			t.Fatal(err)
		}
	}
	again := true
	if f != nil {
		d.Fail(f.decide)
		err := step.run(t, s)
		d.Fail(nil)
		again = err != nil
		if f.refused = err != nil; f.refused && !step.vague && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: the error wraps no sentinel that says to try again: %v", f, err)
		}
		if err != nil && step.opens() && !strings.Contains(err.Error(), "the disk is full or failing") && !strings.Contains(err.Error(), "must be writable") {
			t.Errorf("%s: the error does not say what to do: %v", f, err)
		}
	}
	if again {
		if err := step.run(t, s); err != nil {
			t.Errorf("%v: on a disk that works again: %v", f, err)
		}
	}
	if s.st != nil {
		if err := s.st.Close(); err != nil {
			t.Errorf("%v: Close: %v", f, err)
		}
	}
	return held(t, s.path)
}

// held returns what a file holds, without what differs from run to run.
func held(t *testing.T, path string) map[store.Key]store.Dossier {
	t.Helper()
	if err := integrity(path); err != nil {
		t.Error(err)
	}
	st, err := sqlitestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	all := make(map[store.Key]store.Dossier)
	for d, err := range st.Dossiers(t.Context(), store.Key{}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.Standings {
			d.Standings[i].Due, d.Standings[i].Token, d.Standings[i].Touched = time.Time{}, 0, false
		}
		all[d.Key] = d
	}
	return all
}

// sweptFile makes a file that holds people and owes them to a backend, and then does
// to it what script says.
func sweptFile(t *testing.T, script string) (path string) {
	t.Helper()
	s := &swept{path: filepath.Join(t.TempDir(), "users.db")}
	if err := s.open(t); err != nil {
		t.Fatal(err)
	}
	if err := s.st.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.st.Apply(t.Context(), sweptDeltas(0, sweptPeople, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.st.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := openPlain(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), script); err != nil {
		t.Fatal(err)
	}
	return s.path
}
