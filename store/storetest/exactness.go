package storetest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

func channelsApart(p *probe) {
	p.apart([2]store.Key{{Channel: "telegram", UserID: "42"}, {Channel: "discord", UserID: "42"}})
}

// likeKeys are pairs that some store has mixed up. More are in package hostile.
var likeKeys = [][2]string{
	{"9223372036854775807", "9223372036854775808"},
	{"18446744073709551615", "18446744073709551614"},
	{"9007199254740992", "9007199254740993"},
	{"007", "7"},
	{"1e3", "1000"},
	{"0x10", "16"},
	{"Ann", "ann"},
	{"1:2", "1"},
	{"a", "a\u0301"},
	{"\u00e9", "e\u0301"},
	{"null", "NULL"},
	{"true", "1"},
	{"a%", "ab"},
	{"a'b", "a''b"},
	{`a\b`, `a\\b`},
	{strings.Repeat("x", 254) + "1", strings.Repeat("x", 254) + "2"},
}

func keysApart(p *probe) {
	var pairs [][2]store.Key
	for _, ids := range likeKeys {
		pairs = append(pairs, [2]store.Key{{Channel: "telegram", UserID: ids[0]}, {Channel: "telegram", UserID: ids[1]}})
	}
	for _, pair := range hostile.KeyPairs {
		a, b := store.Key(pair[0]), store.Key(pair[1])
		if a.Validate() == nil && b.Validate() == nil {
			pairs = append(pairs, [2]store.Key{a, b})
		}
	}
	p.apart(pairs...)
}

// apart wants all keys of the pairs to be people of their own in all that a store
// does, also when the first of each pair is forgotten. All are in one store, since
// to make many takes long.
func (p *probe) apart(pairs ...[2]store.Key) {
	st := p.open()
	var all []store.Record
	gone := make(map[store.Key]bool)
	for _, pair := range pairs {
		for _, key := range pair {
			if _, known := gone[key]; !known {
				all = append(all, observed(key, after(len(all)), fields{
					store.FieldGivenName: fmt.Sprint("A", len(all)), store.NickField(fmt.Sprint(len(all))): "n",
				}))
			}
			gone[key] = gone[key] || key == pair[0]
		}
	}
	for i, c := range p.apply(st, all...) {
		if !c.Created {
			p.failf("%q is not Created; it was taken for another of %q", all[i].Key, pairs)
		}
	}
	var stay []store.Record
	var people []store.Profile
	for _, r := range all {
		p.sameRecord(st, r)
		if !gone[r.Key] {
			stay = append(stay, r)
			people = append(people, r.Profile())
		}
	}
	for _, r := range all {
		if gone[r.Key] {
			p.forget(st, r.Key, true)
		}
	}
	for _, r := range stay {
		p.sameRecord(st, r)
	}
	slices.SortFunc(people, func(a, b store.Profile) int { return a.Key.Compare(b.Key) })
	p.samePeople("List when one of each pair was forgotten", p.list(st, store.Filter{}), people)
	for i, c := range p.apply(st, stay...) {
		if c.Suppressed {
			p.failf("%q is suppressed by the tombstone of another of %q", stay[i].Key, pairs)
		}
	}
	p.figure = fmt.Sprintf("%d pairs", len(pairs))
}

func timesAreExact(p *probe) {
	st := p.open()
	kathmandu := time.FixedZone("+0545", 5*3600+45*60)
	at := time.Date(2026, 3, 29, 2, 30, 0, 123456789, kathmandu)
	for i, d := range []store.Record{
		observed(ann(), at, fields{store.FieldGivenName: "A"}),
		observed(ann(), at.Add(-1), fields{store.FieldGivenName: "B"}),
		observed(ann(), at.Add(1), fields{store.FieldFamilyName: "C"}),
		observed(ann(), time.Unix(0, 0), fields{store.FieldUsername: "first"}),
		observed(ann(), time.Unix(1<<33, 0), fields{store.FieldUsername: "last"}),
	} {
		p.apply(st, d)
		if got := p.profile(st, ann()); got.GivenName != "A" {
			p.failf("after delta %d, a nanosecond apart, given_name is %q", i, got.GivenName)
		}
	}
	r := p.get(st, ann())
	times := []time.Time{r.FirstSeen, r.LastSeen}
	for _, reg := range r.Registers {
		times = append(times, reg.At)
	}
	for _, person := range p.list(st, store.Filter{}) {
		times = append(times, person.FirstSeen, person.LastSeen)
	}
	for _, t := range times {
		if t.Location() != time.UTC {
			p.failf("a time comes back in %s, not in UTC", t.Location())
		}
	}
	i := slices.IndexFunc(r.Registers, func(reg store.Register) bool { return reg.Field == store.FieldGivenName })
	if got := r.Registers[i].At; !got.Equal(at) {
		p.failf("the time %s comes back as %s", at.UTC().Format(time.RFC3339Nano), got.Format(time.RFC3339Nano))
	}
}

func textsAreExact(p *probe) {
	st := p.open()
	all := make([]store.Record, len(hostile.Texts))
	names := make([]string, len(all))
	for n, text := range hostile.Texts {
		set := make(fields)
		for _, f := range append(store.Fields(), store.NickField("1"), store.NickField(text)) {
			if v, ok := store.Repair(f, text); ok && v != "" && f.Known() {
				set[f] = v
			}
		}
		names[n] = set[store.FieldGivenName]
		all[n] = observed(numbered("telegram", n), after(0), set)
	}
	changes := p.apply(st, all...)
	people := p.list(st, store.Filter{})
	for n, text := range hostile.Texts {
		want := all[n]
		p.sameRecord(st, want)
		if !reflect.DeepEqual(changes[n].Profile, want.Profile()) {
			p.failf("text %+q in every field: the change's profile is %s", text, asJSON(changes[n].Profile))
		}
		if !slices.ContainsFunc(people, func(person store.Profile) bool { return reflect.DeepEqual(person, want.Profile()) }) {
			p.failf("text %+q in every field: List shows the person otherwise, or not at all", text)
		}
		if names[n] == "" {
			continue
		}
		f := store.Filter{Search: names[n], Limit: 1}
		if n > 0 {
			f.After = all[n-1].Key
		}
		if found := keysOf(p.list(st, f)); !slices.Contains(found, want.Key) {
			p.failf("text %+q: searching for it does not find it", text)
		}
	}
	p.figure = fmt.Sprintf("%d texts", len(hostile.Texts))
}

func noSharing(p *probe) {
	st := p.open()
	want := observed(ann(), after(0), fields{store.FieldGivenName: "Ann", store.NickField("1"): "n", store.CustomKey("tier"): `"gold"`})
	given := want
	given.Registers = slices.Clone(want.Registers)
	spoil := func(r store.Record) {
		for i := range r.Registers {
			r.Registers[i].Value = "spoilt"
		}
	}
	spoilMaps := func(person store.Profile) {
		maps.DeleteFunc(person.Nicks, func(string, string) bool { return true })
		person.Custom["tier"] = "spoilt"
	}
	change := p.apply(st, given)[0]
	spoil(given)
	p.sameRecord(st, want)
	spoilMaps(change.Profile)
	p.sameRecord(st, want)
	spoil(p.get(st, ann()))
	p.sameRecord(st, want)
	spoilMaps(p.list(st, store.Filter{})[0])
	p.samePeople("List after its last result was changed", p.list(st, store.Filter{}), []store.Profile{want.Profile()})

	again := observed(ann(), after(1), fields{store.FieldGivenName: "Anna"})
	merged := store.Merge(want, again)
	given = again
	given.Registers = slices.Clone(again.Registers)
	p.apply(st, given)
	spoil(given)
	p.sameRecord(st, merged)
}

func notFound(p *probe) {
	st := p.open()
	p.apply(st, observed(numbered("telegram", 1), after(0), nil))
	p.unknown(st, ann())
}

func malformedKeys(p *probe) {
	st := p.open()
	keys := []store.Key{
		{},
		{Channel: "telegram"},
		{UserID: "42"},
		{Channel: "Telegram", UserID: "42"},
		{Channel: "telegram", UserID: "4\x002"},
		{Channel: "telegram", UserID: "\xff"},
		{Channel: "telegram", UserID: strings.Repeat("x", 256)},
	}
	for _, key := range keys {
		_, err := st.Apply(p.ctx, []store.Record{observed(key, after(0), nil)})
		p.errorIs("Apply with a malformed key", err, store.ErrInvalid)
		p.errorIs("Forget with a malformed key", st.Forget(p.ctx, key, true), store.ErrInvalid)
		if _, err := st.Get(p.ctx, key); err == nil {
			p.failf("Get with a malformed key returns no error")
		}
	}
	if people := p.list(st, store.Filter{}); len(people) != 0 {
		p.failf("%d people with malformed keys are kept", len(people))
	}
	// One malformed key is not the whole batch's fault for ever.
	p.apply(st, observed(ann(), after(0), nil))
	_, err := st.Get(context.WithoutCancel(p.ctx), ann())
	if err != nil {
		p.failf("Get after a refused batch: %v", err)
	}
	p.figure = fmt.Sprintf("%d keys", len(keys))
}
