package prove_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

// live is how many bytes of the heap are in use after a collection.
func live() int64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

func TestMemoryIsBounded(t *testing.T) {
	t.Attr("promise", "memory grows 64 MiB at most while everything is down")
	const bound = 64 << 20
	events, people := size(300_000, 10_000_000, 100_000_000), 100_000
	mw, _ := allHung(t)
	before := live()
	most := int64(0)
	for n := range events {
		mw.Observe(observed(n%people, n))
		if n%(events/20) == events/20-1 {
			most = max(most, live()-before)
		}
	}
	s := mw.Stats()
	// Of the one in flight a second observation waits, and allHung made one.
	if int(s.Coalesced)+int(s.Dropped)+s.Waiting != events || s.Waiting < people*8/10 {
		t.Errorf("%d events: %+v", events, s)
	}
	if most > bound {
		t.Errorf("the heap grew by %d MiB", most>>20)
	}
	t.Attr("figure", fmt.Sprintf("%d MiB over %d events of %d people, %d of them kept waiting", most>>20, events, people, s.Waiting))
}

// Events of several kinds state other fields, which are joined.
func TestMemoryIsBoundedWithEventsOfManyKinds(t *testing.T) {
	t.Attr("promise", "nor with events of many kinds")
	const bound = 64 << 20
	events, people := size(300_000, 1_000_000, 10_000_000), 100_000
	mw, _ := allHung(t)
	before := live()
	most := int64(0)
	for n := range events {
		s := observed(n%people, n)
		s.Set([]store.Field{store.FieldLocale, store.FieldStatus, store.NickField("7")}[n/people%3], "de")
		mw.Observe(s)
		if n%(events/20) == events/20-1 {
			most = max(most, live()-before)
		}
	}
	s := mw.Stats()
	if s.Waiting < people*6/10 {
		t.Errorf("%d events: %+v", events, s)
	}
	if most > bound {
		t.Errorf("the heap grew by %d MiB", most>>20)
	}
	t.Attr("figure", fmt.Sprintf("%d MiB over %d events of %d people, %d of them kept waiting", most>>20, events, people, s.Waiting))
}

// More people than are ever kept in memory, with as much to say as a platform lets
// them, and in fields that nobody has thought of.
func TestMemoryIsBoundedWithTheLongestValues(t *testing.T) {
	t.Attr("promise", "nor with the longest values, or people without end")
	const bound = 64 << 20
	events := size(200_000, 1_000_000, 10_000_000)
	mw, _ := allHung(t)
	before := live()
	most := int64(0)
	for n := range events {
		s := observed(n, n)
		for i := range 8 {
			s.Set(store.NickField(fmt.Sprint(n, i)), fmt.Sprint(n, strings.Repeat("x", 120)))
		}
		mw.Observe(s)
		if n%(events/20) == events/20-1 {
			most = max(most, live()-before)
		}
	}
	s := mw.Stats()
	if s.Dropped == 0 || s.Waiting < 10_000 {
		t.Errorf("%d people: %+v", events, s)
	}
	if most > bound {
		t.Errorf("the heap grew by %d MiB", most>>20)
	}
	t.Attr("figure", fmt.Sprintf("%d MiB over %d people, %d of them kept waiting", most>>20, events, s.Waiting))
}
