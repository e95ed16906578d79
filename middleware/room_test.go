package middleware_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

func TestWaitingBytesAreThoseOfTheValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{Attempts: 1000})
		bytes := func() int { n, _, _, _ := mw.PendingState(); return n }
		bio := func(second int, letter string, n int) *middleware.Sender {
			s := ann(second, "Ann")
			s.Set(store.FieldBio, strings.Repeat(letter, n))
			return s
		}
		mw.Observe(bio(0, "a", 10))
		synctest.Wait() // it waits again
		mw.Observe(bio(1, "b", 200))
		small := bytes()
		mw.Observe(bio(2, "c", 1100)) // both join
		if got := bytes() - small; got != 900 {
			t.Errorf("900 bytes more were counted as %d", got)
		}
		mw.LimitWaiting(100, bytes()+600)
		big := person(7, 0, "Bob")
		big.Set(store.FieldBio, strings.Repeat("b", 900))
		mw.Observe(big)
		if got := mw.Stats(); got.Dropped != 1 {
			t.Errorf("Stats() = %+v, want the one dropped who has no room", got)
		}
		st.failWith(nil)
		flush(t, mw)
		wantNothingLeft(t, mw)
	})
}

// Those who wait already do not take more room than there is either. What they say
// next is saved, since they do not count as known.
func TestWhoWaitsTakesNoMoreRoomThanThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{Attempts: 1000})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		bytes, _, _, _ := mw.PendingState()
		mw.LimitWaiting(100, bytes+200)
		talker := ann(1, "Ann")
		talker.Set(store.FieldBio, strings.Repeat("b", 300))
		mw.Observe(talker)
		if got, _, _, _ := mw.PendingState(); got != bytes {
			t.Errorf("%d bytes wait, want the %d of before", got, bytes)
		}
		mw.Observe(ann(2, "Anna")) // takes no more
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "dropped: too many people wait", "coalesced", "created")
		if p := get(t, mw, annKey); p.GivenName != "Anna" || p.Bio != "" {
			t.Errorf("kept is %+v", p)
		}
		mw.LimitWaiting(100, 1<<20)
		talker.At = talker.At.Add(time.Hour)
		mw.Observe(talker)
		flush(t, mw)
		if p := get(t, mw, annKey); p.Bio == "" {
			t.Error("what had no room is not saved later either")
		}
		wantNothingLeft(t, mw)
	})
}

func TestAsManyWaitAsThereIsRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{Attempts: 1000})
		mw.Observe(person(11, 0, "Ann"))
		one, _, _, _ := mw.PendingState()
		mw.LimitWaiting(100, 3*one)
		for id := range uint64(4) {
			mw.Observe(person(12+id, 0, "Ann"))
		}
		if got := mw.Stats(); got.Waiting != 3 || got.Dropped != 2 {
			t.Errorf("Stats() = %+v, want 3 people to fill the bytes", got)
		}
		mw.LimitWaiting(4, 100*one)
		for id := range uint64(4) {
			mw.Observe(person(22+id, 0, "Ann"))
		}
		if got := mw.Stats(); got.Waiting != 4 || got.Dropped != 5 {
			t.Errorf("Stats() = %+v, want 4 people to fill the places", got)
		}
		st.failWith(nil)
		flush(t, mw)
	})
}

// Where more waits than there is room for already, who takes no more of it is heard.
func TestWhoNeedsNoMoreRoomIsHeardWithoutAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{Attempts: 1000})
		mw.Observe(ann(0, "Anna"))
		synctest.Wait()
		mw.LimitWaiting(0, 0)
		mw.Observe(ann(1, "Bea"))
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "coalesced", "created")
		if p := get(t, mw, annKey); p.GivenName != "Bea" {
			t.Errorf("given_name = %q, want the newest", p.GivenName)
		}
	})
}

func TestRepeatOfWhatFailedHasItsOwnOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{Attempts: 1})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		g := gated(st)
		time.Sleep(time.Hour) // in flight
		g.answers <- store.ErrUnavailable
		synctest.Wait() // waits, told as Failed
		mw.Observe(ann(1, "Ann"))
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "failed", "created")
		wantNothingLeft(t, mw)
	})
}

func TestRepeatAfterCloseIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		release := make(chan struct{})
		late := false
		mw, _ := start(t, st, middleware.Options{Who: func(middleware.Sender) bool {
			if late {
				<-release
			}
			return true
		}})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		late = true
		go mw.Observe(ann(1, "Ann"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = mw.Close(ctx)
		close(release)
		synctest.Wait()
		if got := mw.Stats(); got.Dropped != 1 || got.Coalesced != 0 {
			t.Errorf("Stats() = %+v, want the repeat dropped: nobody saves it", got)
		}
	})
}

// What states nothing has the fingerprint of what is joined: none.
func TestEventThatStatesNothingJoinsWhatIsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{Attempts: 1000, SeenEvery: -1})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		other := ann(1, "Ann")
		other.Set(store.FieldLocale, "de")
		mw.Observe(other)
		mw.Observe(&middleware.Sender{Channel: "telegram", NumericID: 42, At: noon.Add(time.Hour)})
		st.failWith(nil)
		flush(t, mw)
		if p := get(t, mw, annKey); !p.LastSeen.Equal(noon.Add(time.Hour)) {
			t.Errorf("last_seen = %v, want an hour after noon", p.LastSeen)
		}
	})
}
