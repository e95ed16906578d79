package natstest

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

// A leaf node with a JetStream of its own lets nothing through to the bucket of
// another domain but what is sent to that domain.
func TestBucketOfAnotherDomain(t *testing.T) {
	t.Parallel()
	hub := &node{config: config{Name: "hub", Port: freePort(t), Dir: t.TempDir(), Domain: "hub", LeafPort: freePort(t)}}
	leaf := &node{config: config{
		Name: "leaf", Port: freePort(t), Dir: t.TempDir(), Domain: "leaf", LeafOf: fmt.Sprintf("127.0.0.1:%d", hub.config.LeafPort),
	}}
	for _, n := range []*node{hub, leaf} {
		n.start(t)
		t.Cleanup(n.kill)
		awaitReady(t, n)
	}
	js, err := jetstream.NewWithDomain(connect(t, leaf).Conn(), "hub")
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the leaf node does not reach its hub", func(ctx context.Context) bool {
		_, err := js.AccountInfo(ctx)
		return err == nil
	})
	st, err := natsstore.New(t.Context(), js, &natsstore.Options{SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Apply(t.Context(), anns(0, 20)); err != nil {
		t.Fatal(err)
	}
	there := open(t, connect(t, hub), "rollcall", 1)
	if err := there.Settle(t.Context(), crm, claimSome(t, st, 20)); err != nil {
		t.Fatal(err)
	}
	owed(t, there, store.Backlog{})
}
