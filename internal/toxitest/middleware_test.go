package toxitest

import (
	"context"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

func TestBotAndBackendThroughTrouble(t *testing.T) {
	t.Parallel()
	var counted account
	t.Cleanup(func() { counted.tell(t) })
	for _, x := range troubles(t) {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, pgtest.DSN(t), pgtest.Schema(t), 0)
			s.bot.finishes(100)
			if err := s.mw.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.suffer(t, x)
			s.settled(t, pgtest.DSN(t), &counted)
		})
	}
}

// The server goes away and comes back behind a line that is in order.
func TestBotAndBackendThroughRestarts(t *testing.T) {
	t.Parallel()
	server := pgtest.Private(t)
	s := newScene(t, server.DSN, "rollcall", 0)
	s.suffer(t, trouble{"restarts", false, func(_ *line, n int) error {
		switch n {
		case 1:
			return server.Stop()
		case 3, 6:
			return server.Start()
		case 4:
			return server.Crash()
		}
		return nil
	}})
	var counted account
	s.settled(t, server.DSN, &counted)
	counted.tell(t)
}

// Close gives up when its context ends, says so of each event, and what another
// process observes heals what was not saved.
func TestCloseWhileSilent(t *testing.T) {
	t.Parallel()
	var counted account
	t.Cleanup(func() { counted.tell(t) })
	for _, x := range troubles(t) {
		if !x.silent {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			// Nobody is given up before Close, however long it takes to get there.
			s := newScene(t, pgtest.DSN(t), pgtest.Schema(t), math.MaxInt)
			s.bot.run(people)
			if err := s.mw.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			saved := maps.Clone(s.bot.said)
			if err := x.step(s.line, 0); err != nil {
				t.Fatal(err)
			}
			s.bot.finishes(3 * people)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			closed := make(chan error, 1)
			go func() { closed <- s.mw.Close(ctx) }()
			select {
			case err := <-closed:
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "40 unsaved") {
					t.Errorf("Close returned %v", err)
				} else {
					discreet(t, s.line.password, err.Error())
				}
			case <-time.After(patience):
				t.Fatal("Close waits for longer than its context")
			}
			s.journal.check(t, s.bot.handled)
			for _, err := range s.journal.errs {
				if !errors.Is(err, store.ErrClosed) {
					t.Errorf("an event failed with %v", err)
				}
			}
			// Of those whom the store was being asked about there are two each.
			if n := s.journal.results[middleware.Failed]; n < people || n > 2*people {
				t.Errorf("%d events of %d people are told to be unsaved", n, people)
			}

			s.discreet(t, &counted)

			if err := s.line.heal(); err != nil {
				t.Fatal(err)
			}
			events := s.bot.events
			s.begin(t)
			s.bot.events, s.bot.said = events, saved
			s.bot.finishes(people)
			s.settled(t, pgtest.DSN(t), &counted)
		})
	}
}
