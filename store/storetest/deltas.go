package storetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ann() store.Key { return store.Key{Channel: "telegram", UserID: "42"} }

// after is a time that many seconds into the story.
func after(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

type fields = map[store.Field]string

// observed, declared and pinned make a delta with these fields, of which "" is
// cleared.
func observed(key store.Key, at time.Time, set fields) store.Record {
	return delta(key, store.Observed, at, set)
}

func declared(key store.Key, at time.Time, set fields) store.Record {
	return delta(key, store.Declared, at, set)
}

func pinned(key store.Key, at time.Time, set fields) store.Record {
	return delta(key, store.Pinned, at, set)
}

func delta(key store.Key, source store.Source, at time.Time, set fields) store.Record {
	patch := store.Patch{Key: key, Source: source, At: at, Set: make(fields)}
	for f, v := range set {
		if v == "" {
			patch.Clear = append(patch.Clear, f)
		} else {
			patch.Set[f] = v
		}
	}
	return patch.Record()
}

// values are what random deltas say of each field. Few of them, so that deltas
// meet in one place.
var values = map[store.Field][]string{
	store.FieldGivenName:      {"Ann", "Änne", "安"},
	store.FieldFamilyName:     {"O'Neil", "Straße"},
	store.FieldUsername:       {"ann", "ANN_1", "100%"},
	store.FieldEmail:          {"ann@example.org", "a.b@example.com"},
	store.FieldEmailVerified:  {"true"},
	store.FieldStatus:         {"active", "blocked", "left", "deleted"},
	store.FieldIsPremium:      {"true"},
	store.FieldLocale:         {"de", "pt-BR"},
	store.FieldCountry:        {"DE", "BR"},
	store.FieldStartPayload:   {"promo1", "promo2"},
	store.NickField("1001"):   {"annie", "boss"},
	store.NickField("1002"):   {"Ann 😀"},
	store.CustomKey("tier"):   {`"gold"`, `"silver"`},
	store.CustomKey("points"): {"3", "4.5"},
}

var fieldsOfValues = func() []store.Field {
	fs := store.Fields()
	kept := fs[:0]
	for _, f := range fs {
		if len(values[f]) > 0 {
			kept = append(kept, f)
		}
	}
	return append(kept, store.NickField("1001"), store.NickField("1002"), store.CustomKey("tier"), store.CustomKey("points"))
}()

// randomDelta says up to four things of key, at one of few times.
func randomDelta(r *rand.Rand, key store.Key) store.Record {
	set := make(fields)
	for range r.IntN(5) {
		f := fieldsOfValues[r.IntN(len(fieldsOfValues))]
		set[f] = ""
		if r.IntN(4) > 0 {
			set[f] = values[f][r.IntN(len(values[f]))]
		}
	}
	return delta(key, store.Source(r.IntN(3)), after(r.IntN(6)).Add(time.Duration(r.IntN(2))), set)
}

func numbered(channel string, n int) store.Key {
	return store.Key{Channel: channel, UserID: fmt.Sprint(1000 + n)}
}

// crowd is people of three channels who differ in all that a Filter looks at.
func crowd() []store.Record {
	statuses := []string{"active", "blocked", "left", "deleted"}
	names := []string{"Ann", "Bob Straße", "100% Real", "under_score", "ΣΊΣΥΦΟΣ", "Ünal"}
	var deltas []store.Record
	for i, channel := range []string{"discord", "telegram", "tele-2"} {
		for n := range 12 {
			key := numbered(channel, n*7%12+i)
			seen := observed(key, after(n), fields{
				store.FieldName:         names[n%len(names)],
				store.FieldStatus:       statuses[n%len(statuses)],
				store.NickField("1001"): fmt.Sprintf("Nick%d", n),
			})
			later := observed(key, after(100+n%5).Add(time.Duration(n%3)), nil)
			deltas = append(deltas, seen, later)
		}
	}
	unseen := declared(store.Key{Channel: "discord", UserID: "unseen"}, after(1), fields{store.FieldEmail: "unseen@example.org"})
	return append(deltas, unseen)
}
