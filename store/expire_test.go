package store_test

import (
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func TestSilentSince(t *testing.T) {
	key := store.Key{Channel: "telegram", UserID: "42"}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	said := func(source store.Source, at time.Time, fields ...store.Field) store.Record {
		return store.Patch{Key: key, Source: source, At: at, Clear: fields}.Record()
	}
	old := said(store.Observed, noon.Add(-time.Hour))
	for name, c := range map[string]struct {
		record store.Record
		want   bool
	}{
		"nobody":                           {store.Record{}, true},
		"seen before":                      {old, true},
		"seen a second before":             {said(store.Observed, noon.Add(-time.Second)), true},
		"seen a second before, and a bit":  {said(store.Observed, noon.Add(-1)), true},
		"seen at that moment":              {store.Merge(old, said(store.Observed, noon)), false},
		"seen later":                       {store.Merge(old, said(store.Observed, noon.Add(time.Minute))), false},
		"said a second before":             {said(store.Declared, noon.Add(-time.Second), store.FieldBio), true},
		"said at that moment":              {store.Merge(old, said(store.Declared, noon, store.FieldBio)), false},
		"pinned at that moment":            {store.Merge(old, said(store.Pinned, noon, store.FieldBio)), false},
		"observed as said at that moment":  {store.NewRecord(key, time.Time{}, time.Time{}, said(store.Observed, noon, store.FieldBio).Registers), false},
		"first seen later than last, once": {store.NewRecord(key, noon, noon.Add(-time.Hour), nil), false},
	} {
		for _, limit := range []time.Time{noon, noon.In(time.FixedZone("", -3600)), noon.Add(time.Second - 1)} {
			if got := c.record.SilentSince(limit); got != c.want {
				t.Errorf("%s: SilentSince(%s) = %t", name, limit, got)
			}
		}
	}
}
