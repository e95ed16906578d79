package prove_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// closeWithin is what Close is given, and closeBy when it must be back.
const (
	closeWithin = 5 * time.Second
	closeBy     = 5200 * time.Millisecond
)

// A hungBackend takes the first people, and then hangs, deaf to its context, until it
// is freed.
type hungBackend struct {
	*register
	takes chan struct{} // a token for each
	freed chan struct{}
}

func (b hungBackend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	select {
	case <-b.takes:
		return b.register.Deliver(ctx, d)
	case <-b.freed:
		return store.Receipt{}, store.ErrUnanswered
	}
}

// Close comes back in time, and what it says is still owed is what the file says, as a
// new process finds it.
func TestCloseWithAHungBackend(t *testing.T) {
	t.Attr("promise", "Close(5 s) with a hung backend: in 5.2 s, and it says exactly what is owed")
	const people, taken = 500, 123
	path := filepath.Join(t.TempDir(), "users.db")
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		st := openFile(t, path)
		core, logs := observer.New(zap.InfoLevel)
		b := hungBackend{newRegister("crm"), make(chan struct{}, taken), make(chan struct{})}
		for range taken {
			b.takes <- struct{}{}
		}
		mw, err := middleware.New(st, &middleware.Options{Backends: []store.Backend{b}, Logger: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		for id := range people {
			mw.Observe(observed(id, id))
		}
		if err := mw.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), closeWithin)
		defer cancel()
		began := time.Now()
		if err := mw.Close(ctx); err != nil {
			t.Errorf("Close = %v, though all is saved", err)
		}
		if took = time.Since(began); took > closeBy {
			t.Errorf("Close took %v", took)
		}
		said := int64(-1)
		for _, e := range logs.FilterMessage("still owed").All() {
			said = e.ContextMap()["people"].(int64)
		}
		if said != people-taken {
			t.Errorf("Close says that %d are owed, want %d", said, people-taken)
		}
		close(b.freed)
		synctest.Wait()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	st := openFile(t, path)
	defer st.Close()
	owed := 0
	for s, err := range st.Standings(t.Context(), store.StandingFilter{Backend: "crm", State: store.StateOwed}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Attempts > 1 {
			t.Errorf("%s was tried %d times", s.Key, s.Attempts)
		}
		owed++
	}
	if owed != people-taken {
		t.Errorf("the file says that %d are owed, want %d", owed, people-taken)
	}
	t.Attr("figure", fmt.Sprintf("%v; %d owed, as the file says; no goroutine left", took.Round(time.Millisecond), owed))
}

// What Close says that it could not save is what is not in the store.
func TestCloseWithAHungStore(t *testing.T) {
	t.Attr("promise", "Close(5 s) with a hung store: in 5.2 s, and it says exactly what is lost")
	const people, saved = 3000, 1000
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		st := newTroubledStore()
		mw, err := middleware.New(st, nil)
		if err != nil {
			t.Fatal(err)
		}
		for id := range people {
			if id == saved {
				if err := mw.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				st.is(hung)
			}
			mw.Observe(observed(id, id))
		}
		ctx, cancel := context.WithTimeout(t.Context(), closeWithin)
		defer cancel()
		began := time.Now()
		err = mw.Close(ctx)
		if took = time.Since(began); took > closeBy {
			t.Errorf("Close took %v", took)
		}
		st.is(healthy)
		kept := 0
		for range st.List(t.Context(), store.Filter{}) {
			kept++
		}
		if want := fmt.Sprintf("gave up with %d unsaved", people-kept); kept != saved || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d are in the store, and Close = %v", kept, err)
		}
		if s := mw.Stats(); s.Failed != people-saved {
			t.Errorf("Stats = %+v", s)
		}
		st.free()
	})
	t.Attr("figure", fmt.Sprintf("%v; %d of %d unsaved, as the store says; no goroutine left", took.Round(time.Millisecond), people-saved, people))
}

func openFile(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	st, err := sqlitestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
