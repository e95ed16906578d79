package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// A move of a schedule over a store that can hang, too.
var moves = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	if rapid.IntRange(0, 9).Draw(t, "kind") < 6 {
		return step{do: rapid.SampledFrom([]string{"answer", "answer", "refuse", "refuse", "reject", "odd", "pause", "forget", "readmit"}).Draw(t, "do")}
	}
	return step{
		second: rapid.IntRange(1, 3).Draw(t, "who"),
		name:   rapid.SampledFrom([]string{"Ann", "Anna", "Annie"}).Draw(t, "name"),
	}
}), 1, 80)

// Whatever comes while the store is at work: one outcome each, nothing left
// over, and the newest name.
func TestAnyScheduleAroundAStoreAtWork(t *testing.T) {
	checkInBubbles(t, func(rt *rapid.T) func(*testing.T) error {
		schedule := moves.Draw(rt, "schedule")
		return func(t *testing.T) error { return performAtWork(t.Context(), schedule) }
	})
}

func performAtWork(ctx context.Context, schedule []step) error {
	st := newFaultyStore()
	g := gated(st)
	j := &journal{}
	mw, err := middleware.New(st, &middleware.Options{OnOutcome: j.note, SeenEvery: -1, Attempts: 2})
	if err != nil {
		return err
	}
	newest := make(map[uint64]string) // absent: anything goes
	observed, second := 0, 0
	answer := func(err error) {
		select {
		case g.answers <- err:
		default: // the store is idle
		}
		synctest.Wait()
	}
	for _, s := range schedule {
		second++
		synctest.Wait()
		switch s.do {
		case "answer":
			answer(nil)
		case "refuse":
			answer(store.ErrUnavailable)
		case "reject":
			answer(store.ErrInvalid)
			clear(newest)
		case "odd":
			answer(errOdd)
		case "pause":
			time.Sleep(time.Minute)
		case "forget":
			err = mw.Forget(ctx, annKey1)
			delete(newest, 1)
		case "readmit":
			err = mw.Readmit(ctx, annKey1)
			delete(newest, 1)
		default:
			mw.Observe(person(uint64(s.second), second, s.name))
			newest[uint64(s.second)] = s.name
			observed++
		}
		if err != nil {
			return err
		}
	}
	close(g.answers)
	st.failWith(nil)
	flushCtx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if err := mw.Flush(flushCtx); err != nil {
		return err
	}
	if told := len(j.all()); told != observed {
		return fmt.Errorf("%d outcomes for %d observations: %q", told, observed, j.results())
	}
	if bytes, alive, entries, queue := mw.PendingState(); bytes+alive+entries+queue != 0 {
		return fmt.Errorf("left: %d bytes, %d generations, %d entries, %d in the queue", bytes, alive, entries, queue)
	}
	for id, name := range newest {
		p, err := mw.Get(ctx, store.Key{Channel: "telegram", UserID: fmt.Sprint(id)})
		if errors.Is(err, store.ErrSuppressed) {
			continue
		}
		if err != nil || p.GivenName != name {
			return fmt.Errorf("%d: %q, %v, want %q", id, p.GivenName, err, name)
		}
	}
	return mw.Close(ctx)
}

var annKey1 = store.Key{Channel: "telegram", UserID: "1"}
