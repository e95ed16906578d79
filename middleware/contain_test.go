package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
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

// A panicky error panics when anybody looks at it.
type panicky struct{}

func (*panicky) Error() string { panic("secret") }

func TestBackendPanicsAreContained(t *testing.T) {
	for name, wrong := range map[string]fault{
		"in Deliver":         {panics: "secret"},
		"with nil":           {panics: new(error)},
		"in its error":       {err: &panicky{}},
		"in a ThrottleError": {err: &store.ThrottledError{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zapcore.DebugLevel)
				f := newForeign("crm")
				f.failWith(func(c call) fault {
					if c.Key == annKey && c.Attempt < 4 {
						return wrong
					}
					return fault{}
				})
				mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(erasing{f}), Logger: zap.New(core), Attempts: 2})
				mw.Observe(ann(0, "Ann"))
				mw.Observe(person(7, 0, "Bob"))
				flush(t, mw)
				synctest.Wait()
				if f.holds(keyOf(7)) == nil {
					t.Error("another person is not delivered")
				}
				drain(t, mw)
				wantEqual(t, j.resultsAt("crm"), []string{"delivered", "failed", "delivered"})
				f.wantApart(t)
				if n := logs.FilterMessage("backend panicked").FilterFieldKey("stack").Len(); n != 3 {
					t.Errorf("logged %d times, want 3", n)
				}
				for _, entry := range logs.All() {
					context := entry.ContextMap()
					delete(context, "stack")
					if strings.Contains(fmt.Sprint(context), "secret") {
						t.Errorf("logged what a panic says: %v", context)
					}
				}
			})
		})
	}
}

func TestPanicInTakesIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		var mu sync.Mutex
		panics := 3
		f.traits.Takes = func(field store.Field) bool {
			mu.Lock()
			defer mu.Unlock()
			if field == store.FieldLocale && panics > 0 {
				panics--
				panic("x")
			}
			return true
		}
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		s := ann(0, "Ann")
		s.Set(store.FieldLocale, "de")
		mw.Observe(s)
		drain(t, mw)
		if n := len(f.asked()); n != 1 || f.asked()[0].Attempt != 4 {
			t.Errorf("%d calls", n)
		}
	})
}

// A backend that never comes back from a call keeps a person and a place, and
// nothing else.
func TestDeafBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.WarnLevel)
		release := make(chan struct{})
		st := memstore.New()
		f := newForeign("crm")
		f.failWith(func(c call) fault {
			if c.Key == annKey {
				return fault{deaf: release}
			}
			return fault{}
		})
		mw, _ := start(t, st, middleware.Options{Backends: backends(f), Logger: zap.New(core)})
		mw.Observe(ann(0, "Ann"))
		for i := range 1000 {
			mw.Observe(person(7, i, fmt.Sprint("Bob ", i)))
			time.Sleep(time.Second)
		}
		if n := len(f.askedFor(keyOf(7))); n < 950 {
			t.Errorf("another person was delivered %d times", n)
		}
		if n := len(f.askedFor(annKey)); n != 1 {
			t.Errorf("%d calls for her, want the one that never ends", n)
		}
		if n := logs.FilterMessageSnippet("nor heeds its context").Len(); n != 1 {
			t.Errorf("logged %d times", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if err := mw.Close(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 5200*time.Millisecond {
			t.Errorf("Close took %v", took)
		}
		close(release)
		f.heal()
		mw, _ = start(t, st, middleware.Options{Backends: backends(f)})
		drain(t, mw)
		if f.holds(annKey) == nil || len(f.askedFor(annKey)) != 2 {
			t.Errorf("%d calls for her in the end", len(f.askedFor(annKey)))
		}
	})
}

// A late answer to a call that outlived its lease is still an answer.
func TestDeafBackendComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := newForeign("crm")
		f.failWith(func(call) fault { return fault{deaf: release} })
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		for id := range uint64(10) { // more than places
			mw.Observe(person(1+id, 0, "Ann"))
		}
		time.Sleep(time.Hour)
		if n := len(f.asked()); n != 4 {
			t.Errorf("%d calls", n)
		}
		f.heal()
		close(release)
		drain(t, mw)
		f.wantApart(t)
		if f.count() != 10 {
			t.Errorf("%d there in the end", f.count())
		}
	})
}

// A faultyOutbox is a memstore whose Claim and Settle do what a test tells them to.
type faultyOutbox struct {
	*memstore.Store
	mu            sync.Mutex
	claim, settle func(ctx context.Context) error // nil: works
	calls         int
	after         bool // Settle works, and then says that it does not
}

func (f *faultyOutbox) set(claim, settle func(ctx context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.claim, f.settle = claim, settle
}

func (f *faultyOutbox) get() (claim, settle func(ctx context.Context) error, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	return f.claim, f.settle, f.after
}

func (f *faultyOutbox) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *faultyOutbox) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	if claim, _, _ := f.get(); claim != nil {
		if err := claim(ctx); err != nil {
			return nil, 0, err
		}
	}
	return f.Store.Claim(ctx, backend, limit, lease)
}

func (f *faultyOutbox) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	_, settle, after := f.get()
	if after && settle != nil {
		if err := f.Store.Settle(ctx, backend, settlements); err != nil {
			return err
		}
	}
	if settle != nil {
		if err := settle(ctx); err != nil {
			return err
		}
	}
	return f.Store.Settle(ctx, backend, settlements)
}

func TestOutboxInTrouble(t *testing.T) {
	refuse := func(context.Context) error { return fmt.Errorf("disk: %w", store.ErrUnavailable) }
	for name, trouble := range map[string]func(context.Context) error{
		"refuses": refuse,
		"odd":     func(context.Context) error { return errOdd },
		"panics":  func(context.Context) error { panic("x") },
		"hangs":   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		for _, in := range []string{"claim", "settle", "settle that was done"} {
			t.Run(name+" in "+in, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					core, logs := observer.New(zapcore.InfoLevel)
					st := &faultyOutbox{Store: memstore.New(), after: in == "settle that was done"}
					f := newForeign("crm")
					f.latency = time.Second
					mw, j := start(t, st, middleware.Options{Backends: backends(f), Logger: zap.New(core)})
					for id := range uint64(20) {
						mw.Observe(person(1+id, 0, "Ann"))
					}
					time.Sleep(1500 * time.Millisecond)
					if in == "claim" {
						st.set(trouble, nil)
					} else {
						st.set(nil, trouble)
					}
					before := len(j.at("crm"))
					asked := len(f.asked())
					time.Sleep(20 * time.Second) // less than a lease
					if n := len(f.asked()) - asked; n > 4 {
						t.Errorf("%d calls while the store is in trouble", n)
					}
					if n := len(j.at("crm")) - before; in != "claim" && n > 4 {
						t.Errorf("%d told, none of which is durable", n)
					}
					mw.Observe(person(100, 0, "Eve")) // saved all the same
					synctest.Wait()
					if _, err := st.Get(t.Context(), keyOf(100)); err != nil {
						t.Error(err)
					}
					if n := st.asked(); n > 200 {
						t.Errorf("the store was asked %d times in 20 seconds", n)
					}
					st.set(nil, nil)
					drain(t, mw)
					f.wantApart(t)
					if f.count() != 21 || len(j.at("crm")) != 21 || len(f.asked()) != 21 {
						t.Errorf("%d there, %d told, %d calls; want 21 of each", f.count(), len(j.at("crm")), len(f.asked()))
					}
					if n := logs.FilterMessageSnippet("nothing is delivered meanwhile").Len(); name != "hangs" && n != 1 {
						t.Errorf("logged %d times that the store refuses", n)
					}
				})
			})
		}
	}
}

func TestCloseInTimeWhenTheOutboxIsDeaf(t *testing.T) {
	for _, in := range []string{"claim", "settle"} {
		t.Run(in, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				deaf := func(context.Context) error { <-release; return nil }
				st := &faultyOutbox{Store: memstore.New()}
				f := newForeign("crm")
				mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
				if in == "claim" {
					st.set(deaf, nil)
				} else {
					st.set(nil, deaf)
				}
				mw.Observe(ann(0, "Ann"))
				time.Sleep(3 * time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				if err := mw.Close(ctx); err != nil {
					t.Errorf("Close = %v", err)
				}
				if took := time.Since(began); took > 5300*time.Millisecond {
					t.Errorf("Close took %v", took)
				}
				close(release)
				synctest.Wait()
				st.set(nil, nil)
				mw, _ = start(t, st, middleware.Options{Backends: backends(f)})
				drain(t, mw)
				if f.count() != 1 {
					t.Error("she is lost")
				}
			})
		})
	}
}

// What Claim gives while Close begins is given back at once, not after its lease.
func TestCloseGivesBackWhatItClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := slowClaim{Store: memstore.New(), claimed: make(chan struct{}, 10)}
		f := newForeign("crm")
		mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		<-st.claimed // and Claim has not returned yet
		if err := mw.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := standing(t, st.Store, "crm", annKey); s.State != store.StateOwed || s.Token != 0 || s.Due.After(time.Now()) {
			t.Errorf("standing = %+v", s)
		}
		if n := len(f.asked()); n != 0 {
			t.Errorf("%d calls begun after Close", n)
		}
	})
}

// A slowClaim answers late, and does not heed its ctx.
type slowClaim struct {
	*memstore.Store
	claimed chan struct{} // gets a token when somebody is claimed
}

func (s slowClaim) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	claims, next, err := s.Store.Claim(context.WithoutCancel(ctx), backend, limit, lease)
	if len(claims) > 0 {
		s.claimed <- struct{}{}
	}
	time.Sleep(time.Second)
	return claims, next, err
}

// Nothing of a URL gets into a log, an error or a dead letter: net/http's errors
// have it, token and all.
func TestURLsOfErrorsGoNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const token = "123:CANARY"
		core, logs := observer.New(zapcore.DebugLevel)
		st := memstore.New()
		f := newForeign("crm")
		kinds := []error{store.ErrUnavailable, store.ErrUnanswered, store.ErrDenied, store.ErrInvalid, errOdd,
			&store.ThrottledError{Err: &url.Error{Op: "Get", URL: "http://h/" + token, Err: errOdd}}}
		f.failWith(func(c call) fault {
			err := &url.Error{Op: "Post", URL: "https://api.example.com/bot" + token + "/" + c.Key.String() + "?token=" + token, Err: errors.New("EOF")}
			return fault{err: fmt.Errorf("crm: deliver %s: %w: %w", c.Key, err, kinds[c.At.UnixNano()/int64(time.Second)%int64(len(kinds))])}
		})
		var mu sync.Mutex
		var texts []string
		note := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			for ; err != nil; err = errors.Unwrap(err) {
				texts = append(texts, err.Error(), fmt.Sprintf("%+v", err))
			}
		}
		mw, _ := start(t, st, middleware.Options{
			Backends: backends(erasing{f}), Logger: zap.New(core), Attempts: 1,
			OnRetry:   func(_ context.Context, r middleware.Retry) { note(r.Err) },
			OnFailure: func(_ context.Context, _ middleware.Outcome, err error) { note(err) },
		})
		for i := range 50 {
			mw.Observe(ann(i, fmt.Sprint("Ann ", i)))
			mw.Observe(person(uint64(100+i), 0, "Bob"))
			time.Sleep(13 * time.Second)
		}
		_ = mw.Forget(t.Context(), annKey)
		time.Sleep(time.Hour)
		if err := mw.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, s := range standings(t, st, store.StandingFilter{}) {
			texts = append(texts, s.Reason)
			if strings.Contains(s.Reason, s.Key.String()) {
				t.Errorf("reason %q names the person", s.Reason)
			}
		}
		for _, entry := range logs.All() {
			text := fmt.Sprint(entry.Message, entry.ContextMap())
			texts = append(texts, text)
			if entry.Level > zapcore.DebugLevel && strings.Contains(text, "telegram:") {
				t.Errorf("logged with a key: %s", text)
			}
		}
		if len(texts) < 200 {
			t.Errorf("only %d texts seen", len(texts))
		}
		for _, text := range texts {
			if strings.Contains(text, "CANARY") {
				t.Fatalf("a token in %s", text)
			}
		}
	})
}

// What a backend does to the profile that it is given is its own affair.
func TestProfileIsTheBackendsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &vandal{foreign: newForeign("crm")}
		mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(b)})
		s := ann(0, "Ann")
		s.Set(store.NickField("1"), "annie")
		mw.Observe(s)
		drain(t, mw)
		o := j.at("crm")[0]
		if o.Profile.Nicks["1"] != "annie" || o.Fields[0] != store.FieldGivenName {
			t.Errorf("outcome = %+v", o)
		}
		if p := get(t, mw, annKey); p.Nicks["1"] != "annie" {
			t.Errorf("profile = %+v", p)
		}
	})
}

type vandal struct{ *foreign }

func (v *vandal) Deliver(_ context.Context, d store.Delivery) (store.Receipt, error) {
	clear(d.Profile.Nicks)
	clear(d.Fields)
	return store.Receipt{}, nil
}
