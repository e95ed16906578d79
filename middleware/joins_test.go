package middleware

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// said makes an entry of one event, whose time is some seconds after the year 2020.
func said(t *rapid.T, m *Middleware, label string) *entry {
	s := Sender{Channel: "x", UserID: "ann", At: time.Unix(1_600_000_000+rapid.Int64Range(0, 3).Draw(t, label+" at"), 0)}
	s.Undated = rapid.IntRange(0, 3).Draw(t, label+" undated") == 0
	fields := rapid.SampledFrom([][]store.Field{
		{store.FieldGivenName, store.FieldStatus},
		{store.FieldGivenName, store.FieldLocale},
		{store.FieldGivenName, store.FieldStartPayload},
		{store.FieldGivenName},
	}).Draw(t, label+" fields")
	for _, f := range fields {
		// Nobody's status can be "y".
		s.Set(f, rapid.SampledFrom([]string{"active", "left", "", "y"}).Draw(t, label+" value"))
	}
	e := m.entry(&s, s.sighting(s.At), s.At)
	e.one.late = rapid.IntRange(0, 3).Draw(t, label+" late") == 0
	e.one.needless = false
	return e
}

func bySlot(marks []mark) []mark {
	return slices.SortedFunc(slices.Values(marks), func(a, b mark) int { return cmp.Compare(a.slot, b.slot) })
}

// What is joined in short, since it says the same or all of it anew, comes to what
// Merge and joinMarks make of it.
func TestJoinsInShortAreJoins(t *testing.T) {
	m, err := idle(memstore.New(), &Options{ExpectedPeople: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := &repairer{log: zap.NewNop(), fix: store.Repair}
	short := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			e, n := said(t, m, "old"), said(t, m, "new")
			delta, marks := store.Merge(e.record(r), n.record(r)), joinMarks(e.marks(), n.marks())
			e.join(n, r)
			if e.joined == nil {
				short++
			}
			got := e.record(r)
			if !slices.Equal(got.Registers, delta.Registers) || !got.FirstSeen.Equal(delta.FirstSeen) || !got.LastSeen.Equal(delta.LastSeen) {
				t.Errorf("joined is %+v, want %+v", got, delta)
			}
			if got := e.marks(); got[0] != marks[0] || !slices.Equal(bySlot(got), bySlot(marks)) {
				t.Errorf("marks are %+v, want %+v", got, marks)
			}
		}
	})
	if short == 0 {
		t.Error("all were joined at length")
	}
}
