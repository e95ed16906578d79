package middleware_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// What one process remembers of somebody whom another forgets, or lets in again, is
// out of date for SeenEvery at the most.
func TestForgottenAndReadmittedElsewhere(t *testing.T) {
	for _, when := range []middleware.When{middleware.EveryChange, middleware.FirstMessage} {
		synctest.Test(t, func(t *testing.T) { forgottenAndReadmittedElsewhere(t, middleware.Options{When: when}) })
	}
}

func forgottenAndReadmittedElsewhere(t *testing.T, o middleware.Options) {
	st := memstore.New()
	elsewhere, _ := start(t, st, o)
	mw, j := start(t, st, o)
	say := func() {
		mw.Observe(now(42, "Ann"))
		flush(t, mw)
	}
	readmit := func() {
		if err := elsewhere.Readmit(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
	}
	say()
	if err := elsewhere.Forget(t.Context(), annKey); err != nil {
		t.Fatal(err)
	}
	readmit()
	time.Sleep(time.Hour)
	say()
	if err := elsewhere.Forget(t.Context(), annKey); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
	say() // is told that she is forgotten, and remembers that
	readmit()
	time.Sleep(time.Hour)
	say()
	wantResults(t, j, "created", "created", "dropped: forgotten", "created")
}
