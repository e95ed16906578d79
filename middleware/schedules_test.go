package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// An event is one thing that happens in a schedule.
type event struct {
	What string
	ID   uint64
	N    int
}

var stepKinds = []string{
	"observe", "observe", "observe", "set", "unset", "forget", "readmit", "expire", "resync", "replay",
	"fault", "fault", "heal", "wait", "wait", "wait", "restart", "crash",
}

var scheduleFaults = []func(call) fault{
	alwaysErr(errDown),
	alwaysErr(errOdd),
	alwaysErr(fmt.Errorf("401: %w", store.ErrDenied)),
	alwaysErr(errRefused),
	func(c call) fault { return fault{hang: true, lands: c.Version%2 == 0, late: 19 * time.Second} },
	func(c call) fault { return fault{hang: true, lands: true, late: time.Millisecond} },
	func(call) fault { return fault{err: errDown, lands: true} },
	func(call) fault { return fault{panics: "x"} },
	func(c call) fault {
		if c.Version%3 == 0 {
			return fault{}
		}
		return fault{err: &store.ThrottledError{After: 7 * time.Second, Err: errDown}}
	},
	func(c call) fault {
		switch c.At.UnixNano() / int64(time.Second) % 5 {
		case 0:
			return fault{err: errRefused}
		case 1:
			return fault{err: errDown}
		case 2:
			return fault{hang: true, lands: true, late: 10 * time.Second}
		}
		return fault{}
	},
}

// Whatever happens in whatever order, once the backend works again it holds
// exactly what the store holds, and nobody who was forgotten.
func TestEverySchedule(t *testing.T) {
	checkInBubbles(t, func(rt *rapid.T) func(*testing.T) error {
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) event {
			return event{
				What: rapid.SampledFrom(stepKinds).Draw(rt, "what"),
				ID:   rapid.Uint64Range(1, 4).Draw(rt, "id"),
				N:    rapid.IntRange(0, 1000).Draw(rt, "n"),
			}
		}), 1, 40).Draw(rt, "steps")
		batch := rapid.Bool().Draw(rt, "batch")
		return func(t *testing.T) error { return play(t, steps, batch) }
	})
}

func play(t *testing.T, steps []event, batch bool) error {
	st := &crashing{Store: memstore.New()}
	b := newBatching("crm", 3)
	f := b.foreign
	var backend store.Backend = b
	if !batch {
		f.traits.Batch = 0
		backend = erasing{f}
	}
	f.latency = 50 * time.Millisecond
	var mu sync.Mutex
	var overtold error
	var mw *middleware.Middleware
	begin := func() {
		mw, _ = start(t, st.process(), middleware.Options{Backends: backends(backend), Attempts: 2,
			OnOutcome: func(_ context.Context, o middleware.Outcome) {
				mu.Lock()
				defer mu.Unlock()
				if o.Result == middleware.Delivered && o.Err != nil || o.Result == middleware.Failed && o.Err == nil {
					overtold = fmt.Errorf("outcome %+v", o)
				}
			}})
	}
	begin()
	forgotten := make(map[store.Key]bool)
	ctx := t.Context()
	for i, s := range steps {
		key := keyOf(s.ID)
		var err error
		switch s.What {
		case "observe":
			p := person(s.ID, i, fmt.Sprint("v", i))
			if s.N%2 == 0 {
				p.Set(store.FieldUsername, fmt.Sprint("user", i))
			} else {
				p.Clear(store.FieldUsername)
			}
			mw.Observe(p)
		case "set":
			if err = mw.Set(ctx, key, store.Pinned, store.Profile{Bio: fmt.Sprint("bio ", i)}); errors.Is(err, store.ErrSuppressed) {
				err = nil
			}
		case "unset":
			if err = mw.Unset(ctx, key, store.Pinned, store.FieldBio); errors.Is(err, store.ErrSuppressed) {
				err = nil
			}
		case "forget":
			err = mw.Forget(ctx, key)
			forgotten[key] = true
		case "readmit":
			err = mw.Readmit(ctx, key)
			delete(forgotten, key)
		case "expire": // all but those who have a bio
			_, err = mw.Expire(ctx, time.Now().Add(-30*day))
		case "resync":
			if err = mw.Resync(ctx, "crm"); errors.Is(err, store.ErrNotFound) {
				err = nil // not enrolled yet
			}
		case "replay":
			if _, err = mw.Replay(ctx, "crm", key); errors.Is(err, store.ErrNotFound) {
				err = nil
			}
		case "fault":
			f.failWith(scheduleFaults[s.N%len(scheduleFaults)])
		case "heal":
			f.heal()
		case "wait":
			time.Sleep(time.Duration(s.N*s.N*s.N) * 7 * time.Microsecond) // up to two hours
		case "restart":
			closing, cancel := context.WithTimeout(ctx, time.Duration(s.N)*10*time.Millisecond)
			err = mw.Close(closing)
			cancel()
			begin()
		case "crash":
			if err = mw.Flush(ctx); err == nil { // what waits in memory is another test's
				st.kill()
				begin()
			}
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.What, err)
		}
	}
	f.heal()
	if err := mw.Flush(ctx); err != nil {
		return err
	}
	time.Sleep(2 * time.Minute) // what is late lands, dead processes' leases end
	synctest.Wait()
	if _, err := mw.Replay(ctx, "crm", store.Key{}); err != nil {
		return err
	}
	ending, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if err := mw.Drain(ending); err != nil {
		return err
	}
	time.Sleep(time.Minute)
	for id := range uint64(4) {
		if err := sameAs(ctx, mw, f, keyOf(1+id), forgotten[keyOf(1+id)]); err != nil {
			return err
		}
	}
	mu.Lock()
	defer mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.overlap) > 0 {
		return fmt.Errorf("requests overlap another of %v", f.overlap)
	}
	return overtold
}

// sameAs compares what the backend holds of a person with the store.
func sameAs(ctx context.Context, mw *middleware.Middleware, f *foreign, key store.Key, forgotten bool) error {
	want := make(map[store.Field]string)
	p, err := mw.Get(ctx, key)
	switch {
	case err == nil && forgotten:
		return fmt.Errorf("%s was forgotten and is kept", key)
	case err == nil:
		for _, field := range p.Stated() {
			want[field] = p.Value(field)
		}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if got := f.holds(key); !maps.Equal(got, want) {
		return fmt.Errorf("the backend holds of %s:\n got %v\nwant %v", key, got, want)
	}
	return nil
}
