package prove_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// patience is how long a proof waits for what should happen at once.
const patience = time.Minute

// A transcript is all that can be seen of a bot: what its handlers and OnError were
// called with, and what it sent, each in order.
type transcript struct {
	mu   sync.Mutex
	did  []string
	sent []string
	errs int
}

func (s *transcript) note(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did = append(s.did, fmt.Sprintf(format, a...))
}

func (s *transcript) noteError(what string, err error) {
	if err == nil {
		return
	}
	s.note("%s: %v", what, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs++
}

// differs fails where two transcripts are not the same.
func differs(t *testing.T, got, want *transcript) {
	t.Helper()
	same := func(what string, got, want []string) {
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Errorf("what the bot %s differs from number %d of %d and %d on:\n   with rollcall %q\nwithout rollcall %q", what, i,
					len(got), len(want), got[min(i, len(got)):min(i+2, len(got))], want[min(i, len(want)):min(i+2, len(want))])
				return
			}
		}
	}
	same("did", got.did, want.did)
	same("sent", got.sent, want.sent)
}

// underTrouble plays with a Middleware whose store and backend are in trouble.
func underTrouble(t *testing.T, p plight, play func(mw *middleware.Middleware)) {
	t.Helper()
	st, b := newTroubledStore(), troubledBackend{newTroubled()}
	st.is(p.store)
	b.is(p.backend)
	mw, err := middleware.New(st, &middleware.Options{
		Backends: []store.Backend{b}, SeenEvery: -1, ExpectedPeople: 1000,
		OnOutcome: func(context.Context, middleware.Outcome) { panic("the hook's own") },
	})
	if err != nil {
		t.Fatal(err)
	}
	play(mw)
	p.awaitMet(t, st.troubled, b.troubled)
	st.is(healthy)
	b.is(healthy)
	st.free()
	b.free()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := mw.Close(ctx); err != nil {
		t.Errorf("Close in health: %v", err)
	}
	people := 0
	for _, err := range st.List(ctx, store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		people++
	}
	if people < 17 {
		t.Errorf("in the end %d people are saved, want all", people)
	}
}
