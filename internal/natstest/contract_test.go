package natstest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	holdToContract(t, connect(t, single(t)), 1)
}

func TestContractInACluster(t *testing.T) {
	t.Parallel()
	holdToContract(t, connect(t, cluster(t)...), 3)
}

func holdToContract(t *testing.T, js jetstream.JetStream, replicas int) {
	var number atomic.Int64
	buckets := make(map[store.Store]string)
	newStore := func(t *testing.T) store.Store {
		bucket := fmt.Sprintf("contract-%d", number.Add(1))
		st := open(t, js, bucket, replicas)
		t.Cleanup(func() { _ = js.DeleteStream(t.Context(), "KV_"+bucket) })
		buckets[st] = bucket
		return st
	}
	reopen := storetest.Reopen(func(t *testing.T, st store.Store) store.Store {
		next := open(t, js, buckets[st], replicas)
		buckets[next] = buckets[st]
		return next
	})
	storetest.Run(t, newStore, reopen)
}
