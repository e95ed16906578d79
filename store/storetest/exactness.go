package storetest

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

func channelsApart(p *probe) {
	p.apart(p.open(), store.Key{Channel: "telegram", UserID: "42"}, store.Key{Channel: "discord", UserID: "42"})
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
	for _, ids := range likeKeys {
		p.apart(p.open(), store.Key{Channel: "telegram", UserID: ids[0]}, store.Key{Channel: "telegram", UserID: ids[1]})
	}
	for _, pair := range hostile.KeyPairs {
		a, b := store.Key(pair[0]), store.Key(pair[1])
		if a.Validate() == nil && b.Validate() == nil {
			p.apart(p.open(), a, b)
		}
	}
}

// apart wants a and b to be two people in all that a store does.
func (p *probe) apart(st store.Store, a, b store.Key) {
	ra := observed(a, after(0), fields{store.FieldGivenName: "A", store.NickField("1"): "a"})
	rb := observed(b, after(1), fields{store.FieldGivenName: "B", store.NickField("2"): "b"})
	for i, c := range p.apply(st, ra, rb) {
		if !c.Created {
			p.failf("%q and %q: delta %d of the two is not Created", a, b, i)
		}
	}
	p.sameRecord(st, ra)
	p.sameRecord(st, rb)
	p.forget(st, a, true)
	p.sameRecord(st, rb)
	if people := p.list(st, store.Filter{}); len(people) != 1 || people[0].Key != b {
		p.failf("List yields %q when %q was forgotten and %q was not", keysOf(people), a, b)
	}
	if c := p.apply(st, rb)[0]; c.Suppressed {
		p.failf("%q is suppressed by the tombstone of %q", b, a)
	}
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
	for n, text := range hostile.Texts {
		set := make(fields)
		for _, f := range append(store.Fields(), store.NickField("1"), store.NickField(text)) {
			if v, ok := store.Repair(f, text); ok && v != "" && f.Known() {
				set[f] = v
			}
		}
		key := numbered("telegram", n)
		want := observed(key, after(0), set)
		c := p.apply(st, want)[0]
		p.sameRecord(st, want)
		if !reflect.DeepEqual(c.Profile, want.Profile()) {
			p.failf("text %+q in every field: the change's profile is %s", text, asJSON(c.Profile))
		}
		people := p.list(st, store.Filter{After: key, Limit: 1})
		people = append(people, p.list(st, store.Filter{Search: set[store.FieldGivenName]})...)
		if !slices.Contains(keysOf(people), key) && set[store.FieldGivenName] != "" {
			p.failf("text %+q: searching for it does not find it", text)
		}
	}
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
	for _, key := range []store.Key{
		{},
		{Channel: "telegram"},
		{UserID: "42"},
		{Channel: "Telegram", UserID: "42"},
		{Channel: "telegram", UserID: "4\x002"},
		{Channel: "telegram", UserID: "\xff"},
		{Channel: "telegram", UserID: strings.Repeat("x", 256)},
	} {
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
}
