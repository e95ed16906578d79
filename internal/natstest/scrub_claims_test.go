package natstest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Somebody who changes while Scrub is under way keeps no file of before.
func TestScrubBesideClaims(t *testing.T) {
	t.Parallel()
	js := connect(t, single(t))
	st := open(t, js, "beside", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if _, err := st.Apply(t.Context(), anns(500*i, 500)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := js.Stream(t.Context(), "KV_beside")
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := info.State.LastSeq
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			_, _, _ = st.Claim(ctx, crm, 20, 10*time.Minute)
		}
	})
	err = st.Scrub(t.Context())
	stop()
	running.Wait()
	if err != nil {
		t.Fatal(err)
	}
	info, err = s.Info(t.Context(), jetstream.WithSubjectFilter(">"))
	if err != nil {
		t.Fatal(err)
	}
	if info.State.FirstSeq <= last {
		m, err := s.GetMsg(t.Context(), info.State.FirstSeq)
		t.Errorf("message %d is left of before Scrub, which began at %d: %v %v", info.State.FirstSeq, last, m.Subject, err)
	}
}
