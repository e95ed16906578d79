package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

const day = 24 * time.Hour

// now returns a Sender whose event happens now.
func now(id uint64, name string) *middleware.Sender {
	s := person(id, 0, name)
	s.At = time.Now()
	return s
}

// anExpirer is a memstore whose Expire does what a test tells it to.
type anExpirer struct {
	*memstore.Store
	expire func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) // nil: works
	list   func(yield func(store.Profile, error) bool)

	listDamaged []store.Key // at whom a listing ends

	mu     sync.Mutex
	healed bool // expire and list count no more
	calls  []expiry
}

type expiry struct {
	at     time.Time
	keys   []store.Key
	before time.Time
}

func (e *anExpirer) Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	e.mu.Lock()
	e.calls = append(e.calls, expiry{time.Now(), slices.Clone(keys), before})
	broken := e.expire != nil && !e.healed
	e.mu.Unlock()
	if broken {
		return e.expire(ctx, keys, before)
	}
	return e.Store.Expire(ctx, keys, before)
}

func (e *anExpirer) List(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.list != nil && !e.healed {
		return e.list
	}
	return func(yield func(store.Profile, error) bool) {
		for p, err := range e.Store.List(ctx, f) {
			if slices.Contains(e.listDamaged, p.Key) {
				yield(store.Profile{}, fmt.Errorf("list: %w", &store.DamagedError{Key: p.Key, Err: errOdd}))
				return
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

func (e *anExpirer) heal(healed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.healed = healed
}

func (e *anExpirer) asked() []expiry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.calls)
}

// crowded fills a store with people who were seen some time ago.
func crowded(t *testing.T, st store.Store, people int, ago time.Duration) {
	t.Helper()
	deltas := make([]store.Record, people)
	for i := range deltas {
		deltas[i] = store.Patch{Key: keyOf(uint64(1000 + i)), At: time.Now().Add(-ago), Set: map[store.Field]string{store.FieldGivenName: "Ann"}}.Record()
	}
	if _, err := st.Apply(t.Context(), deltas); err != nil {
		t.Fatal(err)
	}
}

// attended adds somebody who was there an hour ago: for a store in which everybody is
// silent the clock is to blame.
func attended(t *testing.T, st store.Store) {
	t.Helper()
	d := store.Patch{Key: keyOf(999), At: time.Now().Add(-time.Hour), Set: map[store.Field]string{store.FieldGivenName: "Bob"}}.Record()
	if _, err := st.Apply(t.Context(), []store.Record{d}); err != nil {
		t.Fatal(err)
	}
}

func isKept(t *testing.T, st store.Store, key store.Key) bool {
	t.Helper()
	_, err := st.Get(t.Context(), key)
	if err != nil && (!errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrSuppressed)) {
		t.Fatal(err)
	}
	return err == nil
}

func wantSame[E comparable](t *testing.T, got, want []E) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestRetentionErasesWhoIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		core, logs := observer.New(zapcore.DebugLevel)
		mw, j := start(t, st, middleware.Options{Logger: zap.New(core), Retention: 60 * day})
		for id := range uint64(5) {
			mw.Observe(now(1+id, "Zebulonia"))
		}
		flush(t, mw)
		time.Sleep(40 * day)
		mw.Observe(now(2, "Zebulonia")) // is only seen again
		flush(t, mw)
		if err := mw.Set(t.Context(), keyOf(3), store.Pinned, store.Profile{Bio: "Zebulonia"}); err != nil {
			t.Fatal(err)
		}
		if err := mw.Set(t.Context(), keyOf(4), store.Declared, store.Profile{Email: "zebulonia@example.org"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(19*day + 12*time.Hour)
		for id := range uint64(5) {
			if !isKept(t, st, keyOf(1+id)) {
				t.Errorf("%d is gone before the time is over", 1+id)
			}
		}
		time.Sleep(2 * day)
		for id, want := range map[uint64]bool{1: false, 2: true, 3: true, 4: true, 5: false} {
			if isKept(t, st, keyOf(id)) != want {
				t.Errorf("after 61 days it is %t that %d is kept", !want, id)
			}
		}
		time.Sleep(40 * day)
		var told []store.Key
		for _, o := range j.at(middleware.TargetStore) {
			if o.Result == middleware.Erased {
				told = append(told, o.Key)
			}
		}
		want := []store.Key{keyOf(1), keyOf(5), keyOf(2), keyOf(3), keyOf(4)}
		wantSame(t, told, want)
		if s := mw.Stats(); s.Expired != 5 || s.Erased != 0 || s.HooksSkipped != 0 {
			t.Errorf("Stats() = %+v", s)
		}
		messages := logs.FilterMessageSnippet("no sign of life").All()
		if len(messages) != 2 || messages[0].ContextMap()["people"] != int64(2) {
			t.Errorf("logged: %+v", messages)
		}
		for _, l := range logs.All() {
			if text := fmt.Sprint(l.Message, l.ContextMap()); strings.Contains(text, "ebulonia") || l.Level > zapcore.DebugLevel && strings.Contains(text, "telegram:") {
				t.Errorf("logged: %s", text)
			}
		}
		if asked := st.asked()[0].keys; !slices.Equal(asked, []store.Key{keyOf(1), keyOf(3), keyOf(4), keyOf(5)}) {
			t.Errorf("the store is first asked for %v", asked)
		}
		for _, c := range st.asked() {
			if ago := c.at.Sub(c.before); ago != 60*day+time.Hour {
				t.Errorf("Expire is asked for those silent for %s", ago)
			}
		}
	})
}

func TestRetentionErasesAtTheBackends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f, late := newForeign("crm"), newForeign("late")
		first, _ := start(t, st, middleware.Options{Backends: backends(erasing{f})})
		first.Observe(ann(0, "Ann")) // six weeks ago
		first.Observe(now(7, "Bob"))
		drain(t, first)
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := st.Enroll(t.Context(), "late"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // Bob, who was seen before the start, proves the clock
		// In a process that only delivers.
		j := &journal{}
		var expired time.Time
		note := func(ctx context.Context, o middleware.Outcome) {
			if o.Target == middleware.TargetStore {
				expired = time.Now()
			}
			j.note(ctx, o)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- middleware.Deliver(ctx, st, &middleware.Options{Backends: backends(erasing{f}), Retention: 30 * day, OnSuccess: note})
		}()
		time.Sleep(time.Hour)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if isKept(t, st, annKey) || !isKept(t, st, keyOf(7)) {
			t.Error("somebody else is erased")
		}
		if f.holds(annKey) != nil || f.holds(keyOf(7)) == nil || late.count() != 0 {
			t.Errorf("the backend holds %v", f.holds(annKey))
		}
		if s := standing(t, st, "crm", annKey); s.State != store.StateErased || s.Due.Sub(expired) > time.Millisecond {
			t.Errorf("expired at %s, standing = %+v", expired, s)
		}
		if n := len(standings(t, st, store.StandingFilter{Backend: "late", Key: annKey})); n != 0 {
			t.Error("an erasure is owed to a backend that never got her")
		}
		wantEqual(t, j.resultsAt(middleware.TargetStore), []string{"erased"})
		wantEqual(t, j.resultsAt("crm"), []string{"erased"})
	})
}

// What a process remembers of somebody must not keep them from being saved again,
// whichever process erased them.
func TestWhoExpiredComesBackWhole(t *testing.T) {
	inGuild := func(id uint64) *middleware.Sender {
		s := now(id, "Ann")
		s.Set(store.NickField("7"), "annie")
		s.Set(store.FieldLocale, "de")
		return s
	}
	for _, seenEvery := range []time.Duration{0, time.Second, 17 * time.Minute} {
		for _, elsewhere := range []bool{false, true} {
			for away := range 4 {
				t.Run(fmt.Sprint(seenEvery, elsewhere, away), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						period := seenEvery
						if period == 0 {
							period = time.Hour
						}
						least := 48 * period
						st := memstore.New()
						o := middleware.Options{SeenEvery: seenEvery}
						sweeper, _ := start(t, st, o)
						mw := sweeper
						if elsewhere {
							mw, _ = start(t, st, o)
						}
						const people = 50 // whose periods begin at different moments
						for id := range uint64(people) {
							for range 2 { // the second time their parts are remembered
								mw.Observe(now(1+id, "Ann"))
								flush(t, mw)
								mw.Observe(inGuild(1 + id))
								flush(t, mw)
							}
						}
						time.Sleep(least + time.Second + time.Duration(away)*period*5/2)
						if n, err := sweeper.Expire(t.Context(), time.Now().Add(-least)); n != people || err != nil {
							t.Fatalf("Expire = %d, %v", n, err)
						}
						for id := range uint64(people) {
							mw.Observe(now(1+id, "Ann"))
							flush(t, mw)
							mw.Observe(inGuild(1 + id))
							flush(t, mw)
							p, err := st.Get(t.Context(), keyOf(1+id))
							if err != nil {
								t.Fatalf("%d is not saved again: %v", 1+id, err)
							}
							if got := p.Profile(); got.GivenName != "Ann" || got.Nicks["7"] != "annie" || got.Locale != "de" {
								t.Errorf("%d is back without a part of them: %+v", 1+id, got)
							}
						}
						if s := mw.Stats(); s.Created != 2*people {
							t.Errorf("Stats() = %+v", s)
						}
					})
				})
			}
		}
	}
}

func TestWhatWaitsOfWhoExpiresMakesANewProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		st.failWith(away)
		mw.Observe(now(42, "Anna"))
		if n, err := mw.Expire(t.Context(), time.Now().Add(-30*day)); n != 1 || err != nil {
			t.Fatalf("Expire = %d, %v", n, err)
		}
		st.failWith(nil)
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Anna" || !p.FirstSeen.Equal(p.LastSeen) {
			t.Errorf("kept: %+v", p)
		}
		wantResults(t, j, "created", "erased", "created")
	})
}

func TestRetentionIsRefusedWhereNobodyKnowsWhoIsThere(t *testing.T) {
	for want, o := range map[string]middleware.Options{
		"is negative":        {Retention: -1},
		"make it 48h0m0s":    {Retention: 48*time.Hour - 1},
		"make it 8h0m0s":     {Retention: 7 * time.Hour, SeenEvery: 10 * time.Minute},
		"negative Options.S": {Retention: 400 * day, SeenEvery: -1},
		"FirstMessage":       {Retention: 400 * day, When: middleware.FirstMessage},
		"make SeenEvery sho": {Retention: time.Hour, SeenEvery: math.MaxInt64},
		"longer than time.D": {Retention: math.MaxInt64, SeenEvery: math.MaxInt64/48 + time.Second},
	} {
		if mw, err := middleware.New(memstore.New(), &o); mw != nil || !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: New = %v", want, err)
		}
	}
	plain := struct{ store.Store }{memstore.New()}
	o := middleware.Options{Retention: 400 * day}
	if _, err := middleware.New(plain, &o); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "store.Expirer") {
		t.Errorf("over a plain store: New = %v", err)
	}
	for _, o := range []middleware.Options{
		{Retention: 48 * time.Hour}, {Retention: 48 * time.Second, SeenEvery: time.Second}, {Retention: 48 * time.Hour, When: middleware.StartOnly},
		{Retention: math.MaxInt64, SeenEvery: math.MaxInt64 / 48},
	} {
		start(t, memstore.New(), o)
	}
}

// The clock of a machine is more than a year ahead when the process starts.
func TestAClockThatIsAheadErasesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		crowded(t, st, 3, 400*day)
		core, logs := observer.New(zapcore.InfoLevel)
		mw, _ := start(t, st, middleware.Options{Retention: 365 * day, Logger: zap.New(core)})
		mw.Observe(now(1, "Ann")) // by that clock
		time.Sleep(10 * day)
		if n := mw.Stats().Expired; n != 0 {
			t.Errorf("%d are erased by a clock that is ahead", n)
		}
		if n := logs.FilterMessageSnippet("clock").FilterLevelExact(zapcore.ErrorLevel).Len(); n != 10 {
			t.Errorf("in ten days %d errors say so", n)
		}
		if n, err := mw.Expire(t.Context(), time.Now().Add(-365*day)); n != 3 || err != nil {
			t.Errorf("by hand: Expire = %d, %v", n, err)
		}
	})
}

func TestTheLongestRetentionErasesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mw, _ := start(t, memstore.New(), middleware.Options{Retention: math.MaxInt64})
		mw.Observe(now(1, "Ann"))
		time.Sleep(2 * day)
		if n := mw.Stats().Expired; n != 0 {
			t.Errorf("%d are erased who were there two days ago", n)
		}
	})
}

func TestExpireRefusesWhatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		crowded(t, st, 3, 100*day)
		long := time.Now().Add(-90 * day)
		for name, c := range map[string]struct {
			st     store.Store
			o      middleware.Options
			before time.Time
			want   error
		}{
			"a plain store":         {struct{ store.Store }{st}, middleware.Options{}, long, store.ErrInvalid},
			"now":                   {st, middleware.Options{}, time.Now(), store.ErrInvalid},
			"too late":              {st, middleware.Options{}, time.Now().Add(-48*time.Hour + 1), store.ErrInvalid},
			"FirstMessage":          {st, middleware.Options{When: middleware.FirstMessage}, long, store.ErrInvalid},
			"LastSeen does not go":  {st, middleware.Options{SeenEvery: -1}, long, store.ErrInvalid},
			"the store is closed":   {closedStore(t), middleware.Options{}, long, store.ErrClosed},
			"nobody is that silent": {st, middleware.Options{}, time.Now().Add(-101 * day), nil},
		} {
			mw, j := start(t, c.st, c.o)
			if n, err := mw.Expire(t.Context(), c.before); n != 0 || !errors.Is(err, c.want) {
				t.Errorf("%s: Expire = %d, %v", name, n, err)
			}
			wantResults(t, j)
		}
		mw, _ := start(t, st, middleware.Options{})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := mw.Expire(gone, long); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: Expire = %d, %v", n, err)
		}
		if err := mw.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := mw.Expire(t.Context(), long); n != 0 || !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: Expire = %d, %v", n, err)
		}
	})
}

func closedStore(t *testing.T) store.Store {
	t.Helper()
	st := memstore.New()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return st
}
