package processtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Deltas are n that say something of so many people, who are "telegram:0" and so on. They
// disagree, at all sources and many times, and are the same in every process.
func Deltas(n, people int) []store.Record {
	r := rand.New(rand.NewPCG(5, 6))
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var deltas []store.Record
	for i := range n {
		deltas = append(deltas, store.Patch{
			Key:    store.Key{Channel: "telegram", UserID: strconv.Itoa(i % people)},
			Source: store.Source(r.IntN(3)), At: begin.Add(time.Duration(r.IntN(50)) * time.Second),
			Set: map[store.Field]string{
				store.FieldGivenName:                           fmt.Sprint("Ann ", r.IntN(4)),
				store.NickField(fmt.Sprint(r.IntN(3))):         fmt.Sprint("nick ", i),
				store.Fields()[3+r.IntN(5)]:                    fmt.Sprint("x", i),
				store.CustomKey(string(rune('a' + r.IntN(3)))): strconv.Itoa(i),
			},
			Clear: []store.Field{store.FieldUsername},
		}.Record())
	}
	return deltas
}

// Merged is what the deltas of each person come to, in whatever order.
func Merged(deltas []store.Record) map[store.Key]store.Record {
	people := make(map[store.Key]store.Record)
	for _, d := range deltas {
		people[d.Key] = store.Merge(people[d.Key], d)
	}
	return people
}

// Hammer applies deltas, a quarter of them twice, in an order that is made of seed, some
// at a time.
func Hammer(st store.Store, deltas []store.Record, seed uint64) error {
	deltas = slices.Concat(deltas, deltas[:len(deltas)/4])
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(deltas), func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
	for len(deltas) > 0 {
		n := min(1+r.IntN(10), len(deltas))
		if _, err := st.Apply(context.Background(), deltas[:n]); err != nil {
			return err
		}
		deltas = deltas[n:]
	}
	return nil
}
