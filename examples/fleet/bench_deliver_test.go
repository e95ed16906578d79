package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// BenchmarkDeliver has one process claim and settle what 100,000 people are owed,
// 100 at a time, of calls that take no time.
func BenchmarkDeliver(b *testing.B) {
	eachStore(b, func(b *testing.B, _ storeOptions, st store.Outbox) {
		fill(b, st, 0)
		enrolled := timed(b, func() error { return st.Enroll(b.Context(), benchBackend) })
		var times []time.Duration
		for b.Loop() {
			if len(times) == benchPeople/benchClaims {
				b.Fatal("nobody is left: choose a smaller -benchtime")
			}
			times = append(times, timed(b, func() error {
				n, err := deliverSome(b.Context(), st)
				if n != benchClaims {
					err = errors.Join(err, fmt.Errorf("%d claims", n))
				}
				return err
			}))
		}
		b.ReportMetric(benchPeople/enrolled.Seconds(), "enrolled/s")
		b.ReportMetric(benchClaims/median(times).Seconds(), "deliveries/s")
	})
}

// deliverSome delivers up to 100 people, to nobody.
func deliverSome(ctx context.Context, st store.Outbox) (int, error) {
	claims, _, err := st.Claim(ctx, benchBackend, benchClaims, time.Minute)
	if err != nil || len(claims) == 0 {
		return 0, err
	}
	settlements := make([]store.Settlement, len(claims))
	for i, c := range claims {
		settlements[i] = store.Settlement{
			Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Remote: c.Standing.Key.UserID,
		}
	}
	return len(claims), st.Settle(ctx, benchBackend, settlements)
}

// BenchmarkDeliverer has middleware.Deliver bring 100,000 people to a backend that
// takes 32 at once and answers immediately.
func BenchmarkDeliverer(b *testing.B) {
	eachStore(b, func(b *testing.B, _ storeOptions, st store.Outbox) {
		fill(b, st, 0)
		if err := st.Enroll(b.Context(), benchBackend); err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		calls := make(chan struct{})
		ended := make(chan error)
		go func() {
			ended <- middleware.Deliver(ctx, st, &middleware.Options{Backends: []store.Backend{instant{calls: calls, done: ctx.Done()}}})
		}()
		<-calls
		for b.Loop() {
			<-calls
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	})
}

// instant is a backend that counts.
type instant struct {
	calls chan struct{}
	done  <-chan struct{}
}

func (instant) Name() string         { return benchBackend }
func (instant) Traits() store.Traits { return store.Traits{InFlight: 32} }

func (i instant) Deliver(context.Context, store.Delivery) (store.Receipt, error) {
	select {
	case i.calls <- struct{}{}:
	case <-i.done:
	}
	return store.Receipt{}, nil
}
