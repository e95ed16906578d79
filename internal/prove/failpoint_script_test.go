package prove_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A story is what happens to a bot in a few days: people come, change, tell something
// of themselves, are forgotten and let in again, the bot is restarted, and two backends
// follow. Whatever is refused is asked again. Told twice it ends as told once.
type story struct {
	store    wholeStore
	backends []store.Backend
	began    time.Time
	complain func(what string, err error)
	outcome  func(o middleware.Outcome) // hears of those of the store; may be nil
	did      func(what string)          // hears of each call that succeeded; may be nil

	mu       sync.Mutex
	observed int
	outcomes int
}

var storyBackends = []string{"crm-a", "crm-b"}

// The people of the story, and the version of each in the end.
var storyEnd = map[int]int{1: 3, 2: 2, 4: 2, 5: 2, 6: 2, 9: 1}

const (
	storyForgotten = 3 // for good
	storyReturning = 6 // is forgotten, and let in again
	storySilent    = 8 // was there a long time ago, and expires
	storyImported  = 9
	storyEmail     = "two@example.org"

	storyForgetting = "Forget for good"
	storySetting    = "Set"
)

func storyKey(n int) store.Key { return store.Key{Channel: "telegram", UserID: strconv.Itoa(n)} }

func storyName(n, version int) string { return fmt.Sprintf("p%dv%d", n, version) }

func (s *story) tell() {
	mw := s.start()
	for n := 1; n <= 6; n++ {
		if n != 5 {
			s.observe(mw, n, 1)
		}
	}
	s.observe(mw, storySilent, -400*24*60*60)
	s.ask("Flush", mw.Flush)
	s.observe(mw, 1, 2)
	s.observe(mw, 2, 2)
	s.observe(mw, 3, 1) // unchanged
	s.ask(storySetting, func(ctx context.Context) error {
		return mw.Set(ctx, storyKey(2), store.Declared, store.Profile{Email: storyEmail})
	})
	s.drain(mw)
	s.ask(storyForgetting, func(ctx context.Context) error { return mw.Forget(ctx, storyKey(storyForgotten)) })
	s.ask("Forget", func(ctx context.Context) error { return mw.Forget(ctx, storyKey(storyReturning)) })
	s.observe(mw, storyForgotten, 2)
	s.observe(mw, 4, 2)
	s.observe(mw, 5, 1)
	s.ask("Export", func(ctx context.Context) error {
		_, err := mw.Export(ctx, storyKey(1))
		return err
	})
	s.ask("Enroll", calm(func(ctx context.Context) error { return s.store.Enroll(ctx, "old") }))
	s.ask("Withdraw", calm(func(ctx context.Context) error { return s.store.Withdraw(ctx, "old") }))
	s.ask("Expire", func(ctx context.Context) error {
		_, err := mw.Expire(ctx, s.began.AddDate(-1, 0, 0))
		return err
	})
	s.ask("Close", mw.Close)

	mw = s.start()
	s.observe(mw, 1, 3)
	s.observe(mw, storyForgotten, 3)
	s.observe(mw, 5, 2)
	s.ask("Readmit", func(ctx context.Context) error { return mw.Readmit(ctx, storyKey(storyReturning)) })
	s.observe(mw, storyReturning, 2)
	s.ask("Copy", calm(func(ctx context.Context) error { return store.Copy(ctx, s.store, s.newcomer(), nil) }))
	s.ask("Resync", func(ctx context.Context) error { return s.known(mw.Resync(ctx, storyBackends[0])) })
	s.ask("Replay", func(ctx context.Context) error {
		_, err := mw.Replay(ctx, storyBackends[1], store.Key{})
		return s.known(err)
	})
	s.ask("List", calm(func(ctx context.Context) error {
		for _, err := range s.store.List(ctx, store.Filter{}) {
			if err != nil {
				return err
			}
		}
		return nil
	}))
	s.ask("Copy", calm(func(ctx context.Context) error { return store.Copy(ctx, memstore.New(), s.store, nil) }))
	s.ask("Drain", mw.Drain)
	s.ask("Close", mw.Close)
}

// known makes no error of a backend that is not enrolled yet.
func (*story) known(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (s *story) start() *middleware.Middleware {
	mw, err := middleware.New(s.store, &middleware.Options{Backends: s.backends, ExpectedPeople: 100, OnOutcome: func(_ context.Context, o middleware.Outcome) {
		if o.Target != middleware.TargetStore || o.Result == middleware.Erased {
			return
		}
		s.mu.Lock()
		s.outcomes++
		s.mu.Unlock()
		if s.outcome != nil {
			s.outcome(o)
		}
	}})
	if err != nil {
		s.complain("New", err)
	}
	return mw
}

func (s *story) observe(mw *middleware.Middleware, n, version int) {
	sender := &middleware.Sender{Channel: "telegram", UserID: strconv.Itoa(n), Event: "message", At: s.began.Add(time.Duration(version) * time.Second)}
	sender.Set(store.FieldUsername, storyName(n, version))
	mw.Observe(sender)
	s.observed++
}

// ask makes a call until it succeeds, as who uses the library has to.
func (s *story) ask(what string, call func(ctx context.Context) error) {
	var err error
	for range 10 {
		if err = s.once(what, call); err == nil {
			if s.did != nil {
				s.did(what)
			}
			return
		}
	}
	s.complain(what, fmt.Errorf("ten times in vain: %w", err))
}

func (s *story) once(what string, call func(ctx context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			s.complain(what, err)
		}
	}()
	err = call(ctx)
	for _, known := range []error{nil, store.ErrUnavailable, store.ErrClosed, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return err
		}
	}
	s.complain(what, fmt.Errorf("the error says nothing of how to go on: %w", err))
	return err
}

// calm makes an error of a panic, for calls of the store itself: they have nobody to
// stand between it and the caller, as those of a Middleware have.
func calm(call func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v: %w", r, store.ErrUnavailable)
			}
		}()
		return call(ctx)
	}
}

// drain gives the backends time, which one that could not be enrolled does not use.
func (s *story) drain(mw *middleware.Middleware) { _ = s.once("Drain", mw.Drain) }

// newcomer is a store of another bot, with one person in it.
func (s *story) newcomer() *memstore.Store {
	other := memstore.New()
	_, err := other.Apply(context.Background(), []store.Record{store.Patch{
		Key: storyKey(storyImported), Source: store.Observed, At: s.began.Add(time.Second),
		Set: map[store.Field]string{store.FieldUsername: storyName(storyImported, 1)},
	}.Record()})
	if err != nil {
		s.complain("Apply", err)
	}
	return other
}

// ended says whether all is as it must be in the end.
func (s *story) ended(ctx context.Context, st wholeStore, doubles []*crmDouble) (problems []string) {
	wrong := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	for n, version := range storyEnd {
		r, err := st.Get(ctx, storyKey(n))
		if p := r.Profile(); err != nil || p.Username != storyName(n, version) || n == 2 && p.Email != storyEmail {
			wrong("the store keeps %q of person %d, %v", p.Username, n, err)
		}
		for _, d := range doubles {
			if got := d.people[storyKey(n).UserID]; got[store.FieldUsername] != storyName(n, version) || n == 2 && got[store.FieldEmail] != storyEmail {
				wrong("%s has %q of person %d", d.name, got, n)
			}
		}
	}
	if _, err := st.Get(ctx, storyKey(storyForgotten)); !errors.Is(err, store.ErrSuppressed) {
		wrong("who was forgotten is kept: %v", err)
	}
	if _, err := st.Get(ctx, storyKey(storySilent)); !errors.Is(err, store.ErrNotFound) {
		wrong("who was silent for a year is kept: %v", err)
	}
	for _, d := range doubles {
		if len(d.people) != len(storyEnd) {
			wrong("%s has %d people; want %d", d.name, len(d.people), len(storyEnd))
		}
	}
	backlogs, err := st.Backlogs(ctx)
	if err != nil || len(backlogs) != len(storyBackends) {
		wrong("%d backends are enrolled, %v", len(backlogs), err)
	}
	for _, b := range backlogs {
		if b.Owed+b.Dead > 0 {
			wrong("%s is still owed %d, and %d are dead", b.Backend, b.Owed, b.Dead)
		}
	}
	return problems
}
