package middleware_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
)

// A transaction costs as much for one person as for many. People who change one after
// the other share some, and nobody waits long.
func TestPeopleWhoFollowOneAnotherShareTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "first"))
		synctest.Wait()
		if st.asked() != 1 {
			t.Fatal("the first did not go to the store at once")
		}
		for id := range uint64(100) {
			mw.Observe(person(2+id, 0, "one of many"))
			time.Sleep(100 * time.Microsecond)
		}
		time.Sleep(10 * time.Millisecond)
		if got := st.asked(); got > 5 {
			t.Errorf("a hundred within 10 ms took %d transactions", got)
		}
		wantNothingLeft(t, mw)
	})
}

// Whoever waits for all to be saved, and a full transaction, wait for nothing.
func TestNobodyRestsWhileSomebodyPresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, _ := start(t, st, middleware.Options{})
		began := time.Now()
		for id := range uint64(2000) {
			mw.Observe(person(1+id, 0, "one of many"))
			if id%1000 == 0 {
				synctest.Wait() // the committer rests
			}
		}
		flush(t, mw)
		mw.Observe(person(7, 1, "one of them"))
		flush(t, mw)
		for id := range uint64(500) {
			mw.Observe(person(3001+id, 0, "one of many"))
		}
		synctest.Wait()
		wantNothingLeft(t, mw)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("all was pressing, and took %s", waited)
		}
	})
}

// Nor does anybody who gave up waiting.
func TestAbandonedFlushPressesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "first"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := mw.Flush(ctx); err == nil {
			t.Fatal("Flush did not give up")
		}
		if n := mw.Waiters(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		st.failWith(nil)
		flush(t, mw)
	})
}
