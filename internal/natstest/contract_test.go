package natstest

import (
	"fmt"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	holdToContract(t, []*node{single(t)})
}

func TestContractInACluster(t *testing.T) {
	t.Parallel()
	holdToContract(t, cluster(t))
}

func holdToContract(t *testing.T, nodes []*node) {
	js, replicas := connect(t, nodes...), len(nodes)
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
	others := storetest.Processes(func(t *testing.T, st store.Store) *exec.Cmd {
		return process(t.Context(), t, "serve "+urls(nodes)+" "+buckets[st])
	})
	storetest.Run(t, newStore, reopen, others)
}
