package natstest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

func edit(t *testing.T, js jetstream.JetStream, bucket string, change func(c *jetstream.StreamConfig)) {
	t.Helper()
	s, err := js.Stream(t.Context(), "KV_"+bucket)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	change(&c)
	if _, err := js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// A bucket that an operator has given a limit refuses what is above it, wholly, and
// whoever gives up by then is told why.
func TestFullBucketIsNamed(t *testing.T) {
	t.Parallel()
	js := connect(t, single(t))
	st := open(t, js, "full", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	edit(t, js, "full", func(c *jetstream.StreamConfig) { c.MaxMsgs = 500 })
	if _, err := st.Apply(t.Context(), anns(0, 200)); err != nil {
		t.Fatal(err)
	}
	await(t, "nobody is told that the bucket is full", func(ctx context.Context) bool {
		_, err := st.Apply(ctx, anns(200, 200))
		return errors.Is(err, context.DeadlineExceeded) && strings.Contains(err.Error(), "maximum messages exceeded")
	})
	people := 0
	for _, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		people++
	}
	if people != 200 {
		t.Errorf("%d people are kept, want the 200 of before", people)
	}
}

// What would lose people, or keep what they were called before they were forgotten, is
// refused.
func TestBucketThatLosesPeopleIsRefused(t *testing.T) {
	t.Parallel()
	js := connect(t, single(t))
	open(t, js, "edited", 1)
	for setting, change := range map[string]func(c *jetstream.StreamConfig){
		"max_age":              func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"max_bytes":            func(c *jetstream.StreamConfig) { c.Discard, c.MaxBytes = jetstream.DiscardOld, 1<<20 },
		"max_msgs":             func(c *jetstream.StreamConfig) { c.Discard, c.MaxMsgs = jetstream.DiscardOld, 1000 },
		"max_msgs_per_subject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5 },
	} {
		var before jetstream.StreamConfig
		edit(t, js, "edited", func(c *jetstream.StreamConfig) {
			before = *c
			change(c)
		})
		_, err := natsstore.New(t.Context(), js, &natsstore.Options{Bucket: "edited", SyncAlways: true})
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s: %v", setting, err)
		}
		edit(t, js, "edited", func(c *jetstream.StreamConfig) { *c = before })
	}
	edit(t, js, "edited", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 }) // loses nobody: what is above is refused
	open(t, js, "edited", 1)
}

// A bucket that was emptied is used as it is.
func TestPurgedBucketBeginsAnew(t *testing.T) {
	t.Parallel()
	js := connect(t, single(t))
	st := open(t, js, "purged", 1)
	if _, err := st.Apply(t.Context(), anns(0, 2)); err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "KV_purged")
	if err == nil {
		err = s.Purge(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	await(t, "nothing is saved after the purge", func(ctx context.Context) bool {
		_, err := st.Apply(ctx, anns(1, 2))
		return err == nil
	})
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	owed(t, st, store.Backlog{Owed: 2, Bulk: 2})
}
