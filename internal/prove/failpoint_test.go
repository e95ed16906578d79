package prove_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/internal/prove/disk"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// Each call of the store and of the backends fails in each way, one call after the
// other until a run in which none did.
func TestEveryFailingCallEndsWell(t *testing.T) {
	t.Attr("promise", "a call that fails anywhere, in any way, loses nothing")
	modes := []struct {
		name string
		mode failMode
	}{
		{"refuses", refuse}, {"answer lost", loseAnswer}, {"panics before", panicBefore}, {"panics after", panicAfter}, {"hangs", hang},
	}
	points, observed := 0, 0
	for _, kind := range []string{"memory", "sqlite"} {
		for _, m := range modes {
			t.Run(kind+" "+m.name, func(t *testing.T) {
				stride := int64(size(23, 1, 1))
				for n := int64(1); !t.Failed(); n += stride {
					f := &failpoint{at: n, mode: m.mode}
					observed += tellStory(t, kind, f)
					if f.calls.Load() < n {
						if missing := f.missing(); len(missing) > 0 {
							t.Errorf("the story makes no call of %v", missing)
						}
						break
					}
					points++
				}
			})
		}
	}
	t.Attr("figure", fmt.Sprintf("%d failing calls, %d observations with one outcome each, 0 lost", points, observed))
}

// tellStory tells the story in a bubble, whose clock knows no waiting.
func tellStory(t *testing.T, kind string, f *failpoint) (observed int) {
	t.Helper()
	dir := t.TempDir()
	d, err := disk.Attach(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.Hurry()
	defer func() {
		if err := d.Detach(); err != nil {
			t.Error(err)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		var inner wholeStore = memstore.New()
		if kind == "sqlite" {
			st, err := sqlitestore.Open(filepath.Join(dir, "users.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := st.Close(); err != nil {
					t.Error(err)
				}
			}()
			inner = st
		}
		doubles := []*crmDouble{newCRMDouble(storyBackends[0], nil), newCRMDouble(storyBackends[1], nil)}
		s := &story{
			store: failingStore{inner: inner, f: f}, began: time.Now(),
			complain: func(what string, err error) { t.Errorf("%s: %s: %v", f, what, err) },
		}
		for _, double := range doubles {
			s.backends = append(s.backends, failingBackend{double, f})
		}
		s.tell()
		if s.outcomes != s.observed {
			t.Errorf("%s: %d outcomes for %d observations", f, s.outcomes, s.observed)
		}
		if problems := s.ended(t.Context(), inner, doubles); len(problems) > 0 {
			t.Errorf("%s: %s", f, strings.Join(problems, "\n"))
		}
		observed = s.observed
	})
	return observed
}

var _ store.Eraser = failingBackend{}
