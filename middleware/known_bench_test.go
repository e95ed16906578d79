package middleware_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// Bots handle messages on all cores, which must not wait for each other. Time passes
// from one to the next, so that each is noted.
func BenchmarkKnownParallel(b *testing.B) {
	mw, err := middleware.New(memstore.New(), &middleware.Options{SeenEvery: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer mw.Close(context.Background())
	const people = 1000
	at := time.Now()
	for id := uint64(1); id <= people; id++ {
		s := middleware.Sender{Channel: "telegram", NumericID: id, At: at}
		mw.Known(&s, middleware.Print(id))
		s.Set(store.FieldGivenName, "Ann")
		mw.Observe(&s)
	}
	if err := mw.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	var goroutines atomic.Uint64
	b.RunParallel(func(pb *testing.PB) {
		at := at
		for id := goroutines.Add(1) * 137; pb.Next(); {
			id, at = id%people+1, at.Add(time.Millisecond)
			s := middleware.Sender{Channel: "telegram", NumericID: id, At: at}
			if !mw.Known(&s, middleware.Print(id)) {
				b.Error("somebody is not known")
			}
		}
	})
}
