package prove_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// zedName is the name of who is forgotten. Nothing else holds these letters.
const zedName = "Zqxjkvwy"

var forgottenKey = store.Key{Channel: "telegram", UserID: "4711"}

func forgottenSender(second int, name string) *middleware.Sender {
	s := &middleware.Sender{Channel: "telegram", UserID: forgottenKey.UserID, Event: "message", At: time.Now().Add(time.Duration(second) * time.Second)}
	for _, f := range []store.Field{store.FieldGivenName, store.FieldFamilyName, store.FieldUsername, store.FieldBio, store.NickField("7"), store.CustomKey("tier")} {
		s.Set(f, name)
	}
	return s
}

// occurrences looks for the name, in either case, in all files of a store.
func occurrences(t *testing.T, dir string) (files int, found []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files++
		if n := bytes.Count(bytes.ToLower(data), []byte(strings.ToLower(zedName))); n > 0 {
			found = append(found, fmt.Sprintf("%d times in %s", n, e.Name()))
		}
	}
	return files, found
}

// A gatedStore holds up an Apply of the person when it is told to.
type gatedStore struct {
	*sqlitestore.Store
	mu     sync.Mutex
	before func() // once, before the person is saved
	after  func() // once, when they are saved and nobody was told
}

func (g *gatedStore) take(hook *func()) func() {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := *hook
	*hook = nil
	if f == nil {
		return func() {}
	}
	return f
}

func (g *gatedStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	hers := false
	for _, d := range deltas {
		hers = hers || d.Key == forgottenKey
	}
	if hers {
		g.take(&g.before)()
	}
	changes, err := g.Store.Apply(ctx, deltas)
	if hers {
		g.take(&g.after)()
	}
	return changes, err
}

// A gatedRegister calls during, once, while a delivery of the person is under way.
type gatedRegister struct {
	*register
	during func()
	fails  error // the delivery's own end
}

func (r *gatedRegister) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	if d.Profile.Key != forgottenKey || r.during == nil {
		return r.register.Deliver(ctx, d)
	}
	r.during()
	r.during = nil
	receipt, err := r.register.Deliver(ctx, d) // it lands, after Forget
	return receipt, errors.Join(err, r.fails)
}

// An oblivious backend cannot erase.
type oblivious struct{ store.Backend }

// The person is forgotten at all the moments at which something of them could stay.
// Then no file has the name, no message or retry brings them back, and each backend
// that ever got something says what became of it.
func TestForgottenIsForgotten(t *testing.T) {
	t.Attr("promise", "forgotten: overwritten in the file, nobody comes back, a receipt from each backend")
	type scene struct {
		st     *gatedStore
		crm    *gatedRegister
		mw     *middleware.Middleware
		forget func()
	}
	looked := 0
	for name, at := range map[string]func(s *scene){
		"at rest": func(s *scene) { s.forget() },
		"with news that wait": func(s *scene) {
			s.mw.Observe(forgottenSender(1, zedName+" waits"))
			s.forget()
		},
		"before a commit lands": func(s *scene) {
			s.st.before = s.forget
			s.mw.Observe(forgottenSender(1, zedName+" before"))
		},
		"as a commit lands": func(s *scene) {
			s.st.after = s.forget
			s.mw.Observe(forgottenSender(1, zedName+" after"))
		},
		"during a delivery": func(s *scene) {
			s.crm.during = s.forget
			s.mw.Observe(forgottenSender(1, zedName+" delivered"))
		},
		"during a delivery that fails": func(s *scene) {
			s.crm.during, s.crm.fails = s.forget, fmt.Errorf("%s is refused: %w", zedName, store.ErrInvalid)
			s.mw.Observe(forgottenSender(1, zedName+" refused"))
		},
		"during a delivery without an answer": func(s *scene) {
			s.crm.during, s.crm.fails = s.forget, fmt.Errorf("%s: %w", zedName, store.ErrUnanswered)
			s.mw.Observe(forgottenSender(1, zedName+" unanswered"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := &scene{st: &gatedStore{Store: openFile(t, filepath.Join(dir, "users.db"))}, crm: &gatedRegister{register: newRegister("crm")}}
			desk, ledger := newRegister("desk"), newRegister("ledger")
			var err error
			s.mw, err = middleware.New(s.st, &middleware.Options{
				Backends: []store.Backend{s.crm, desk, oblivious{ledger}}, SeenEvery: -1, ExpectedPeople: 100,
			})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			s.forget = func() {
				defer close(done)
				if err := s.mw.Forget(t.Context(), forgottenKey); err != nil {
					t.Errorf("Forget: %v", err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
			defer cancel()
			settle := func() {
				if err := errors.Join(s.mw.Flush(ctx), s.mw.Drain(ctx)); err != nil {
					t.Fatal(err)
				}
			}
			for id := range 50 { // others, so that there are pages to leave something in
				s.mw.Observe(observed(id, id))
			}
			s.mw.Observe(forgottenSender(0, zedName))
			settle()
			old := memstore.New() // a copy of before, as somebody may have it somewhere
			if err := store.Copy(ctx, old, s.st, nil); err != nil {
				t.Fatal(err)
			}
			at(s)
			select {
			case <-done:
			case <-ctx.Done():
				t.Fatal("the moment did not come")
			}
			settle()
			bringBack(ctx, t, s.mw, s.st, old)
			settle()
			files, found := occurrences(t, dir)
			if len(found) > 0 {
				t.Errorf("the name is %s", found)
			}
			looked += files
			wantForgotten(t, s.st, s.crm.register, desk, ledger)
			if err := errors.Join(s.mw.Close(ctx), s.st.Close()); err != nil {
				t.Error(err)
			}
			if _, found := occurrences(t, dir); len(found) > 0 {
				t.Errorf("after Close the name is %s", found)
			}
		})
	}
	t.Attr("figure", fmt.Sprintf("at 7 moments, 0 bytes in %d files", looked))
}

// bringBack does all that could bring the person back. old is a store that has them.
func bringBack(ctx context.Context, t *testing.T, mw *middleware.Middleware, st, old store.Portable) {
	t.Helper()
	if _, err := old.Get(ctx, forgottenKey); err != nil {
		t.Fatalf("the test is blind: %v", err)
	}
	mw.Observe(forgottenSender(2, zedName+" again"))
	for _, key := range []store.Key{{}, forgottenKey} {
		if _, err := mw.Replay(ctx, "crm", key); err != nil {
			t.Error(err)
		}
	}
	if err := mw.Resync(ctx, "crm"); err != nil {
		t.Error(err)
	}
	if err := mw.Set(ctx, forgottenKey, store.Declared, store.Profile{Name: zedName}); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("Set = %v, want ErrSuppressed", err)
	}
	table := func(yield func(middleware.Sender, error) bool) { yield(*forgottenSender(3, zedName+" imported"), nil) }
	if p, err := mw.Import(ctx, table, nil); err != nil || p.Dropped[middleware.ReasonSuppressed] != 1 {
		t.Errorf("Import: %+v, %v", p, err)
	}
	if err := errors.Join(store.Copy(ctx, st, old, nil), store.Copy(ctx, old, st, nil)); err != nil {
		t.Error(err)
	}
	if _, err := old.Get(ctx, forgottenKey); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("the store that was copied to has them: %v", err)
	}
}

// wantForgotten wants the person to be gone from the store and from crm and desk, and
// the receipts of all three.
func wantForgotten(t *testing.T, st store.Outbox, crm, desk, ledger *register) {
	t.Helper()
	if _, err := st.Get(t.Context(), forgottenKey); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("Get = %v, want ErrSuppressed", err)
	}
	got := make(map[string]store.State)
	for s, err := range st.Standings(t.Context(), store.StandingFilter{Key: forgottenKey}) {
		if err != nil {
			t.Fatal(err)
		}
		got[s.Backend] = s.State
	}
	for _, b := range []*register{crm, desk} {
		if held := b.holds(forgottenKey); len(held) > 0 {
			t.Errorf("%s still has %v", b.name, held)
		}
		if got[b.name] != store.StateErased {
			t.Errorf("the receipt of %s is %q", b.name, got[b.name])
		}
	}
	if got["ledger"] != store.StateUnerasable {
		t.Errorf("of the backend that cannot erase the receipt is %q", got["ledger"])
	}
}
