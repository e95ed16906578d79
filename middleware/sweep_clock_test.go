package middleware

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

const day = 24 * time.Hour

func TestSweepClock(t *testing.T) {
	const retention, every = 365 * day, time.Hour
	for name, c := range map[string]struct {
		proved bool            // at the start
		set    time.Duration   // how far ahead the clock was set since the start
		seen   []time.Duration // ago, by the clock of now
		err    error
		before time.Duration // until when people must be silent, ago
	}{
		"right":                        {false, 0, []time.Duration{day, 400 * day}, nil, retention + every},
		"nobody is there":              {false, 0, nil, nil, retention + every},
		"everybody is silent":          {false, 0, []time.Duration{400 * day, 500 * day}, errClock, retention + every},
		"of one an event is undated":   {false, 0, []time.Duration{-time.Hour, 400 * day}, errClock, retention + every},
		"set a year ahead":             {true, 366 * day, []time.Duration{500 * day, 900 * day}, nil, retention + every + 366*day},
		"set a day back":               {false, -day, []time.Duration{0, 400 * day}, nil, retention + every},
		"was in 1970":                  {false, 50 * 365 * day, []time.Duration{day, 400 * day}, nil, retention + every},
		"was in 1970, all are silent":  {false, 50 * 365 * day, []time.Duration{400 * day}, errClock, retention + every},
		"was ahead, and set right":     {false, -500 * day, []time.Duration{day, 400 * day}, nil, retention + every},
		"is ahead for longer than all": {false, 0, []time.Duration{800 * day, 801 * day}, errClock, retention + every},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(30 * 365 * day) // so that 1970 is far away
				st := memstore.New()
				for i, ago := range c.seen {
					key := store.Key{Channel: "irc", UserID: string(rune('a' + i))}
					delta := store.Patch{Key: key, At: time.Now().Add(-ago), Set: map[store.Field]string{store.FieldName: "Ann"}}.Record()
					if _, err := st.Apply(t.Context(), []store.Record{delta}); err != nil {
						t.Fatal(err)
					}
				}
				m, err := New(st, &Options{Retention: retention, SeenEvery: every})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close(context.Background())
				clock := newSweepClock(m)
				clock.wall, clock.proved = clock.wall.Add(-c.set), c.proved
				for range 2 {
					if err := clock.check(t.Context()); !errors.Is(err, c.err) {
						t.Errorf("check() = %v; want %v", err, c.err)
					}
				}
				if ago := time.Since(clock.silentBefore()); ago != c.before {
					t.Errorf("who is silent for %s is erased; want %s", ago, c.before)
				}
			})
		})
	}
}

// Who is there since the start alone proves a clock in the end.
func TestSweepClockOfANewStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := New(memstore.New(), &Options{Retention: 30 * day})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close(context.Background())
		clock := newSweepClock(m)
		for range 31 {
			if err := clock.check(t.Context()); err != nil || clock.proved {
				t.Fatalf("check() = %v, proved %t", err, clock.proved)
			}
			m.Observe(&Sender{Channel: "irc", UserID: "ann", At: time.Now()})
			time.Sleep(day)
		}
		if err := clock.check(t.Context()); err != nil || !clock.proved {
			t.Errorf("after 31 days check() = %v, proved %t", err, clock.proved)
		}
	})
}
