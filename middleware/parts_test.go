package middleware_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// wantPartsForgotten goes on after Ann was made to speak German: the table gets to know
// parts again, of which that she speaks English is none.
func wantPartsForgotten(t *testing.T, mw *middleware.Middleware) {
	t.Helper()
	other := ann(20, "Ann")
	other.Set(store.FieldBio, "of a third shape")
	for _, s := range []*middleware.Sender{ann(19, "Ann"), other, speaking(21, "en")} {
		mw.Observe(s)
		flush(t, mw)
	}
	if p := get(t, mw, annKey); p.Locale != "en" {
		t.Errorf("locale = %q, want the newest", p.Locale)
	}
}

// speaking is an event that states a language, of another shape than ann's.
func speaking(second int, locale string) *middleware.Sender {
	s := ann(second, "Ann")
	s.Set(store.FieldLocale, locale)
	return s
}

// knowParts has the seen table remember the parts of Ann's events, that she speaks
// English among them.
func knowParts(t *testing.T, mw *middleware.Middleware) {
	t.Helper()
	for i := range 3 {
		mw.Observe(ann(2*i, "Ann"))
		flush(t, mw)
		mw.Observe(speaking(2*i+1, "en"))
		flush(t, mw)
	}
	before := mw.Stats().Unchanged
	mw.Observe(ann(6, "Ann"))
	if mw.Stats().Unchanged != before+1 {
		t.Fatal("the parts are not known")
	}
}

// What the table knows of a field is not true any more when another value of it is
// saved, also where what came next says nothing of that field.
func TestPartsOfWhatWasSavedBeforeTheLastAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, _ := start(t, st, middleware.Options{})
		knowParts(t, mw)
		g := gated(st)
		mw.Observe(speaking(10, "de"))
		time.Sleep(time.Second)
		mw.Observe(ann(11, "Ann")) // while that one is in flight
		close(g.answers)
		flush(t, mw)
		wantPartsForgotten(t, mw)
	})
}

// An import whose end the store did not tell of may have been saved.
func TestPartsOfAnImportThatFailedAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, _ := start(t, st, middleware.Options{})
		knowParts(t, mw)
		st.failWith(func(deltas []store.Record) error {
			if _, err := st.Store.Apply(context.Background(), deltas); err != nil {
				return err
			}
			return store.ErrUnavailable
		})
		var senders iter.Seq2[middleware.Sender, error] = func(yield func(middleware.Sender, error) bool) {
			yield(*speaking(10, "de"), nil)
		}
		if _, err := mw.Import(t.Context(), senders, nil); err == nil {
			t.Fatal("the store answered")
		}
		st.failWith(nil)
		wantPartsForgotten(t, mw)
	})
}
