package middleware_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// Whoever writes faster than the store commits is saved once, not with each batch.
func TestRepeatOfWhatIsBeingSavedIsNotSavedAgain(t *testing.T) {
	later := func(after time.Duration, name string) *middleware.Sender {
		s := ann(0, name)
		s.At = s.At.Add(after)
		return s
	}
	more := ann(1, "Ann")
	more.Set(store.FieldUsername, "ann")
	for name, c := range map[string]struct {
		next  []*middleware.Sender
		asked int
		want  []string
	}{
		"the same":             {[]*middleware.Sender{ann(1, "Ann")}, 1, []string{"created", "unchanged"}},
		"the same, twice":      {[]*middleware.Sender{ann(1, "Ann"), ann(2, "Ann")}, 1, []string{"coalesced", "created", "unchanged"}},
		"there and back":       {[]*middleware.Sender{ann(1, "Anna"), ann(2, "Ann")}, 1, []string{"coalesced", "created", "unchanged"}},
		"a change":             {[]*middleware.Sender{ann(1, "Anna")}, 2, []string{"created", "updated given_name"}},
		"a field more":         {[]*middleware.Sender{more}, 2, []string{"created", "updated username"}},
		"an hour later":        {[]*middleware.Sender{later(time.Hour, "Ann")}, 2, []string{"created", "unchanged"}},
		"a field more, joined": {[]*middleware.Sender{more, ann(2, "Ann")}, 2, []string{"coalesced", "created", "updated username"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newFaultyStore()
				g := gated(st)
				mw, j := start(t, st, middleware.Options{})
				mw.Observe(ann(0, "Ann"))
				synctest.Wait()
				for _, s := range c.next {
					mw.Observe(s)
				}
				close(g.answers)
				wantAfterFlush(t, mw, j, c.want...)
				if st.asked() != c.asked {
					t.Errorf("the store was asked %d times, not %d", st.asked(), c.asked)
				}
				last := c.next[len(c.next)-1]
				p := get(t, mw, annKey)
				if patch := last.Patch(); p.GivenName != patch.Set[store.FieldGivenName] {
					t.Errorf("kept is %q", p.GivenName)
				}
				wantNothingLeft(t, mw)
			})
		})
	}
}

// A repeat is over only with what it repeats.
func TestRepeatOfWhatIsRefusedIsSavedWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		mw.Observe(ann(1, "Ann"))
		g.answers <- store.ErrUnavailable
		close(g.answers)
		wantAfterFlush(t, mw, j, "coalesced", "created")
		wantNothingLeft(t, mw)
	})
}
