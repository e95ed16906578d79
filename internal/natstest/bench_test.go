package natstest

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

func BenchmarkStore(b *testing.B) {
	for _, c := range []struct {
		name  string
		nodes func() []*node
	}{
		{"one", func() []*node { return []*node{single(b)} }},
		{"three", func() []*node { return cluster(b) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			nodes := c.nodes()
			js := connect(b, nodes...)
			for _, backends := range []int{0, 1} {
				st := open(b, js, fmt.Sprint("bench-", backends), len(nodes))
				for range backends {
					if err := st.Enroll(b.Context(), crm); err != nil {
						b.Fatal(err)
					}
				}
				for _, size := range []int{1, 500} {
					b.Run(fmt.Sprintf("backends=%d/apply=%d", backends, size), func(b *testing.B) { benchmarkApply(b, st, size) })
				}
				if backends > 0 {
					b.Run("deliver=100", func(b *testing.B) { benchmarkDeliver(b, st) })
				}
			}
		})
	}
}

var benchmarked int // people so far, so that each is new

func newPeople(n int) []store.Record {
	deltas := make([]store.Record, n)
	for i := range deltas {
		benchmarked++
		deltas[i] = store.Patch{Key: person(benchmarked), At: epoch, Set: map[store.Field]string{
			store.FieldGivenName: "Ann", store.FieldFamilyName: "Lee", store.FieldUsername: fmt.Sprint("ann", i), store.FieldLocale: "de",
		}}.Record()
	}
	return deltas
}

func benchmarkApply(b *testing.B, st *natsstore.Store, size int) {
	people := 0
	for b.Loop() {
		if _, err := st.Apply(b.Context(), newPeople(size)); err != nil {
			b.Fatal(err)
		}
		people += size
	}
	b.ReportMetric(float64(people)/b.Elapsed().Seconds(), "people/s")
}

func benchmarkDeliver(b *testing.B, st *natsstore.Store) {
	delivered := 0
	for b.Loop() {
		claims, _, err := st.Claim(b.Context(), crm, 100, time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		if len(claims) == 0 {
			b.StopTimer()
			if _, err := st.Apply(b.Context(), newPeople(500)); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			continue
		}
		settlements := make([]store.Settlement, len(claims))
		for i, c := range claims {
			settlements[i] = store.Settlement{Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version}
		}
		if err := st.Settle(b.Context(), crm, settlements); err != nil {
			b.Fatal(err)
		}
		delivered += len(claims)
	}
	b.ReportMetric(float64(delivered)/b.Elapsed().Seconds(), "deliveries/s")
}
