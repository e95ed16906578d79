package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// Nobody may be told that their observation was joined to an import, which is not
// tried again.
func TestFirstMessageDuringAnImportThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{When: middleware.FirstMessage})
		done := make(chan error, 1)
		go func() {
			_, err := mw.Import(context.Background(), senders(ann(0, "Ann")), nil)
			done <- err
		}()
		synctest.Wait()
		st.failWith(nil)
		mw.Observe(ann(1, "Ann"))
		g.answers <- away(nil)
		if err := <-done; !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
		wantAfterFlush(t, mw, j, "created")
	})
}

// While an import is about to change somebody, what was known of them may be out
// of date.
func TestKnownPersonWhomAnImportIsChanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw := quiet(t, st, middleware.Options{SeenEvery: -1})
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		g := gated(st)
		done := make(chan error, 1)
		go func() {
			_, err := mw.Import(context.Background(), senders(ann(1, "Imported")), nil)
			done <- err
		}()
		synctest.Wait()
		mw.Observe(ann(2, "Ann"))
		close(g.answers)
		must(t, <-done)
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("kept is %q", p.GivenName)
		}
	})
}

func TestCloseThatGivesUpDuringAnImportTellsNoHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{})
		done := make(chan error, 1)
		go func() {
			_, err := mw.Import(context.Background(), senders(ann(0, "Ann")), nil)
			done <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := mw.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 unsaved") {
			t.Errorf("Close: %v", err)
		}
		wantResults(t, j)
		close(g.answers)
		must(t, <-done)
		wantNothingLeft(t, mw)
	})
}

// A sluiceStore keeps each Apply waiting before it, and after it.
type sluiceStore struct {
	*memstore.Store
	before, after func(name string)
}

func (s sluiceStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	name := ""
	for _, r := range deltas[0].Registers {
		if r.Field == store.FieldGivenName {
			name = r.Value
		}
	}
	s.before(name)
	changes, err := s.Store.Apply(ctx, deltas)
	s.after(name)
	return changes, err
}

// Whoever goes back to what the store does not hold any more must never pass for
// unchanged, whichever of an import and an observation comes between the other's
// steps. Each case is when the two calls of Apply begin and end.
func TestImportAndObserveOfOnePerson(t *testing.T) {
	type gates map[string]chan struct{}
	wait := func(g gates, name string) {
		if c := g[name]; c != nil {
			<-c
		}
	}
	for name, c := range map[string]struct {
		before, after []string // who has to wait there
		run           func(observe, begin func(), open func(gate string))
	}{
		"import around": {before: []string{"Imported"}, run: func(observe, begin func(), open func(string)) {
			begin()
			observe()
			open("before Imported")
		}},
		"import around, answered late": {after: []string{"Imported"}, run: func(observe, begin func(), open func(string)) {
			begin()
			observe()
			open("after Imported")
		}},
		"observation around": {before: []string{"Observed"}, run: func(observe, begin func(), open func(string)) {
			observe()
			begin()
			open("before Observed")
		}},
		"observation around, answered late": {after: []string{"Observed"}, run: func(observe, begin func(), open func(string)) {
			observe()
			begin()
			open("after Observed")
		}},
		"observation queued first": {before: []string{"Busy", "Imported"}, run: func(observe, begin func(), open func(string)) {
			observe()
			begin()
			open("before Busy")
			open("before Imported")
		}},
		"observation queued first, answered late": {before: []string{"Busy"}, after: []string{"Imported"}, run: func(observe, begin func(), open func(string)) {
			observe()
			begin()
			open("before Busy")
			open("after Imported")
		}},
	} {
		for i := range 4 { // either may have won, and be asked for first
			importedAt, names := []int{1, 5}[i%2], []string{"Imported", "Observed", "Imported"}[i/2:]
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := make(gates)
					for _, who := range c.before {
						g["before "+who] = make(chan struct{})
					}
					for _, who := range c.after {
						g["after "+who] = make(chan struct{})
					}
					st := sluiceStore{
						memstore.New(), func(name string) { wait(g, "before "+name) }, func(name string) { wait(g, "after "+name) },
					}
					mw := quiet(t, st, middleware.Options{SeenEvery: -1})
					mw.Observe(person(1, 0, "Busy"))
					synctest.Wait()
					done := make(chan error, 1)
					c.run(func() {
						mw.Observe(ann(3, "Observed"))
						synctest.Wait()
					}, func() {
						go func() {
							_, err := mw.Import(context.Background(), senders(ann(importedAt, "Imported")), nil)
							done <- err
						}()
						synctest.Wait()
					}, func(gate string) {
						close(g[gate])
						synctest.Wait()
					})
					must(t, <-done)
					flush(t, mw)
					wantNothingLeft(t, mw)
					for i, name := range names {
						mw.Observe(ann(10+i, name))
						flush(t, mw)
						if p := get(t, mw, annKey); p.GivenName != name {
							t.Errorf("%s passed for unchanged, kept is %s", name, p.GivenName)
						}
					}
				})
			})
		}
	}
}

// What the store has just taken is not the last word while an import is on its way to
// it, which came between: whoever goes back is saved once more.
func TestGoingBackWhileAnImportIsOnItsWay(t *testing.T) {
	for name, observed := range map[string]bool{"an observation": true, "another import": false} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprint(name, early), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					gates := map[string]chan struct{}{"Ann": make(chan struct{}), "Imported": make(chan struct{})}
					st := sluiceStore{memstore.New(), func(name string) { <-gates[name] }, func(string) {}}
					mw := quiet(t, st, middleware.Options{SeenEvery: -1})
					var imports sync.WaitGroup
					begin := func(s *middleware.Sender) {
						imports.Go(func() { doImport(t, mw, s) })
						synctest.Wait()
					}
					if observed {
						mw.Observe(ann(0, "Ann"))
						synctest.Wait()
					} else {
						begin(ann(0, "Ann"))
					}
					begin(ann(1, "Imported"))
					if early {
						mw.Observe(ann(2, "Ann"))
					}
					close(gates["Ann"])
					synctest.Wait()
					if !early {
						mw.Observe(ann(2, "Ann"))
					}
					synctest.Wait()
					close(gates["Imported"])
					imports.Wait()
					flush(t, mw)
					if p := get(t, mw, annKey); p.GivenName != "Ann" {
						t.Errorf("kept is %q, want the newest", p.GivenName)
					}
					wantNothingLeft(t, mw)
				})
			})
		}
	}
}

func TestForgetDuringAnImport(t *testing.T) {
	for _, gate := range []string{"before", "after"} {
		t.Run(gate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opened := make(chan struct{})
				wait := func(name string) {
					if name == gate {
						<-opened
					}
				}
				st := sluiceStore{memstore.New(), func(string) { wait("before") }, func(string) { wait("after") }}
				mw := quiet(t, st, middleware.Options{})
				done := make(chan middleware.ImportProgress, 1)
				go func() {
					p, err := mw.Import(context.Background(), senders(ann(0, "Ann")), nil)
					must(t, err)
					done <- p
				}()
				synctest.Wait()
				must(t, mw.Forget(t.Context(), annKey))
				close(opened)
				wantProgress(t, <-done, middleware.ImportProgress{Read: 1, Dropped: map[middleware.Reason]int{middleware.ReasonSuppressed: 1}})
				must(t, mw.Readmit(t.Context(), annKey))
				mw.Observe(ann(1, "Ann"))
				flush(t, mw)
				get(t, mw, annKey)
			})
		})
	}
}

// Several imports, bots that observe, and people who change their minds.
func TestImportsBesideObservations(t *testing.T) {
	mw := quiet(t, memstore.New(), middleware.Options{SeenEvery: -1})
	const people = 2000
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for second := range 5 {
				var list []*middleware.Sender
				for id := range uint64(people) {
					list = append(list, person(id+1, 3*second+i, fmt.Sprint("imported ", (second+int(id))%2)))
				}
				doImport(t, mw, list...)
			}
		})
	}
	for second := range 15 {
		for id := range uint64(people) {
			mw.Observe(person(id+1, second, fmt.Sprint("imported ", second%2)))
		}
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
	flush(t, mw)
	for turn := range 2 {
		for id := range uint64(people) {
			mw.Observe(person(id+1, 100+turn, fmt.Sprint("imported ", (int(id)+turn)%2)))
		}
		flush(t, mw)
		wrong := 0
		for id := range uint64(people) {
			p := get(t, mw, store.Key{Channel: "telegram", UserID: fmt.Sprint(id + 1)})
			if p.GivenName != fmt.Sprint("imported ", (int(id)+turn)%2) {
				wrong++
			}
		}
		if wrong > 0 {
			t.Errorf("%d of %d newest names were lost", wrong, people)
		}
	}
	wantNothingLeft(t, mw)
}
