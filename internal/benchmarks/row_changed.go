package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/posthog/posthog-go"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// changedSender is somebody whose family name is another than at their last message,
// handed over in bursts of a hundred, so that neither side is held up by what is behind
// it. Ours is saved to memory, theirs goes to a server on loopback.
func changedSender() Subject {
	const posthogName = "PostHog's Enqueue"
	return Subject{
		Name: "Observe of a changed sender",
		Sides: []Side{
			{Name: "rollcall", Once: observeChanges},
			{Name: posthogName, Once: enqueueChanges},
		},
		Claims: []Claim{
			{Of: "time of the caller", Metric: Time, Against: posthogName, Wanted: AtMost(0.5), Limit: "what is stated is hashed and copied before Observe returns"},
			{Of: "processor, to the end", Metric: CPU, Against: posthogName, Wanted: AtMost(0.5), Limit: "the store reads, merges and keeps it too"},
			{Of: "allocations, to the end", Metric: Allocs, Against: posthogName, Wanted: AtMost(0.5), Guard: AtMost(0.5), Limit: "the store reads, merges and keeps it too"},
		},
	}
}

const (
	bursts   = 500
	aBurst   = 100 // as many as PostHog's queue takes
	families = 7   // which 100 is no multiple of
)

// surnames are made before, as they are when an event was decoded.
func surname(burst, i int) string { return surnames[(burst+i)%families] }

var surnames = [families]string{"Lee", "Kowalska", "García Márquez", "O'Neil", "Ivanova", "van der Berg", "Okafor"}

func observeChanges(e *Env) (Reading, error) {
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		return nil, err
	}
	e.Cleanup(func() error { return mw.Close(e) })
	return inBursts(func(burst int) error {
		at := noon.Add(time.Duration(burst) * time.Second)
		for i := range aBurst {
			var s middleware.Sender
			s.Channel, s.NumericID, s.At, s.Event = "telegram", uint64(i)+7_000_000_000, at, "message"
			s.Set(store.FieldGivenName, "Ann-Marie")
			s.Set(store.FieldFamilyName, surname(burst, i))
			s.Set(store.FieldUsername, "ann_marie")
			s.SetFlag(store.FieldIsPremium, true)
			s.Set(store.FieldLocale, "pt-BR")
			s.Set(store.FieldStatus, string(store.StatusActive))
			mw.Observe(&s)
		}
		return nil
	}, func() error { return mw.Flush(e) })
}

func enqueueChanges(e *Env) (Reading, error) {
	got := make(chan struct{}, bursts)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		got <- struct{}{}
	}))
	e.Cleanup(func() error { server.Close(); return nil })
	client, err := posthog.NewWithConfig("key", posthog.Config{Endpoint: server.URL, BatchSize: aBurst})
	if err != nil {
		return nil, err
	}
	e.Cleanup(client.Close)
	ids := make([]string, aBurst)
	for i := range ids {
		ids[i] = "telegram:" + strconv.Itoa(i+7_000_000_000)
	}
	return inBursts(func(burst int) error {
		at := noon.Add(time.Duration(burst) * time.Second)
		for i := range aBurst {
			properties := posthog.NewProperties().Set("given_name", "Ann-Marie").Set("family_name", surname(burst, i)).
				Set("username", "ann_marie").Set("is_premium", true).Set("locale", "pt-BR").Set("status", "active")
			if err := client.Enqueue(posthog.Identify{DistinctId: ids[i], Timestamp: at, Properties: properties}); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		select {
		case <-got:
			return nil
		case <-e.Done():
			return e.Err()
		}
	})
}

// inBursts hands over what one hundred people changed, and lets all of it come to its
// end, again and again. Time is that of handing over; the rest counts to the end.
func inBursts(hand func(burst int) error, end func() error) (Reading, error) {
	if err := hand(0); err != nil {
		return nil, err
	}
	if err := end(); err != nil {
		return nil, err
	}
	var handing time.Duration
	r, err := Measure(bursts*aBurst, func() error {
		for burst := range bursts {
			start := time.Now()
			if err := hand(burst + 1); err != nil {
				return err
			}
			handing += time.Since(start)
			if err := end(); err != nil {
				return err
			}
		}
		return nil
	})
	r[Time] = float64(handing) / (bursts * aBurst)
	return r, err
}
