package middleware_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A panickyStore panics in each call that a bot's handler can make by a Middleware.
type panickyStore struct{ *memstore.Store }

func (panickyStore) Apply(context.Context, []store.Record) ([]store.Change, error) { panic("secret") }
func (panickyStore) Get(context.Context, store.Key) (store.Record, error)          { panic("secret") }
func (panickyStore) Forget(context.Context, store.Key, bool) error                 { panic("secret") }
func (panickyStore) Readmit(context.Context, store.Key) error                      { panic("secret") }
func (panickyStore) Resync(context.Context, string) error                          { panic("secret") }
func (panickyStore) Replay(context.Context, string, store.Key) (int, error)        { panic("secret") }
func (panickyStore) Backlogs(context.Context) ([]store.Backlog, error)             { panic("secret") }
func (panickyStore) Standings(context.Context, store.StandingFilter) iter.Seq2[store.Standing, error] {
	panic("secret")
}

// getting is a panickyStore that only says that it knows nobody.
type getting struct{ panickyStore }

func (getting) Get(context.Context, store.Key) (store.Record, error) {
	return store.Record{}, store.ErrNotFound
}

func TestStorePanicsReachNoHandler(t *testing.T) {
	for _, st := range []store.Outbox{panickyStore{memstore.New()}, getting{panickyStore{memstore.New()}}} {
		crm := &middleware.Options{Backends: backends(newForeign("crm"))}
		mw, err := middleware.New(st, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		wantUnavailable := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s returned %v; want it to wrap ErrUnavailable", what, err)
			}
		}
		if _, ok := st.(getting); !ok {
			_, err := mw.Get(ctx, annKey)
			wantUnavailable("Get", err)
		}
		wantUnavailable("Set", mw.Set(ctx, annKey, store.Pinned, store.Profile{Name: "Ann"}))
		wantUnavailable("Unset", mw.Unset(ctx, annKey, store.Pinned, store.FieldName))
		wantUnavailable("Forget", mw.Forget(ctx, annKey))
		wantUnavailable("Readmit", mw.Readmit(ctx, annKey))
		wantUnavailable("Resync", mw.Resync(ctx, "crm"))
		_, err = middleware.Explain(ctx, st, crm, ann(0, "Ann"))
		wantUnavailable("Explain", err)
		_, err = mw.Replay(ctx, "crm", annKey)
		wantUnavailable("Replay", err)
		_, err = mw.Backlogs(ctx)
		wantUnavailable("Backlogs", err)
		_, err = mw.Export(ctx, annKey)
		wantUnavailable("Export", err)
		if err := mw.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}
