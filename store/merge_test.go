package store_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/store"
)

var (
	ann  = store.Key{Channel: "telegram", UserID: "42"}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// patches draws patches of one person with few fields, values and times, so that
// they often speak of the same thing and often at the same time.
var patches = rapid.Custom(func(t *rapid.T) store.Patch {
	p := store.Patch{
		Key:    ann,
		Source: rapid.SampledFrom([]store.Source{store.Observed, store.Declared, store.Pinned}).Draw(t, "source"),
		At:     noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at"))),
		Set:    make(map[store.Field]string),
	}
	said := rapid.SliceOfNDistinct(rapid.SampledFrom(stateable), 2, 6, func(s stateableField) store.Field { return s.field })
	for _, s := range said.Draw(t, "said") {
		value := rapid.SampledFrom(s.values).Draw(t, string(s.field))
		if value == "" && rapid.Bool().Draw(t, "clear") {
			p.Clear = append(p.Clear, s.field)
			continue
		}
		p.Set[s.field] = value
	}
	return p
})

type stateableField struct {
	field  store.Field
	values []string // "" is none
}

var stateable = []stateableField{
	{store.FieldStartPayload, []string{"ad", "friend", ""}},
	{store.FieldName, []string{"Ann", "Anna", ""}},
	{store.FieldEmail, []string{"ann@example.org", "anna@example.org", ""}},
	{store.FieldEmailVerified, []string{"true", ""}},
	{store.FieldPhoneNumber, []string{"+14155552671", "+14155552672", ""}},
	{store.FieldPhoneVerified, []string{"true", ""}},
	{store.FieldGivenName, []string{"Ann", "Anna", ""}},
	{store.FieldStatus, []string{"active", "blocked", ""}},
	{store.NickField("7"), []string{"Annie", "Nan", ""}},
	{store.CustomKey("plan"), []string{`"gold"`, `"free"`, ""}},
}

var records = rapid.Custom(func(t *rapid.T) store.Record {
	return mergeAll(rapid.SliceOfN(patches, 0, 6).Draw(t, "patches"))
})

func sortedFields[V any](m map[store.Field]V) []store.Field {
	fields := make([]store.Field, 0, len(m))
	for f := range m {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	return fields
}

func mergeAll(ps []store.Patch) store.Record {
	var r store.Record
	for _, p := range ps {
		r = store.Merge(r, p.Record())
	}
	return r
}

func TestMergeIsCommutative(t *testing.T) {
	t.Parallel()
	merged := 0
	rapid.Check(t, func(t *rapid.T) {
		a, b := records.Draw(t, "a"), records.Draw(t, "b")
		if ab, ba := store.Merge(a, b), store.Merge(b, a); !ab.Equal(ba) {
			t.Fatalf("%v\n%v", ab, ba)
		}
		merged++
	})
	t.Attr("figure", fmt.Sprint(merged, " pairs of records"))
}

func TestMergeIsAssociative(t *testing.T) {
	t.Parallel()
	merged := 0
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := records.Draw(t, "a"), records.Draw(t, "b"), records.Draw(t, "c")
		left, right := store.Merge(store.Merge(a, b), c), store.Merge(a, store.Merge(b, c))
		if !left.Equal(right) {
			t.Fatalf("%v\n%v", left, right)
		}
		merged++
	})
	t.Attr("figure", fmt.Sprint(merged, " triples of records"))
}

func TestMergeIsIdempotentAndZeroIsNeutral(t *testing.T) {
	t.Parallel()
	merged := 0
	rapid.Check(t, func(t *rapid.T) {
		a, b := records.Draw(t, "a"), records.Draw(t, "b")
		if m := store.Merge(a, a); !m.Equal(a) {
			t.Fatalf("%v\n%v", m, a)
		}
		m := store.Merge(a, b)
		if again := store.Merge(m, b); !again.Equal(m) {
			t.Fatalf("%v\n%v", again, m)
		}
		if l, r := store.Merge(store.Record{}, a), store.Merge(a, store.Record{}); !l.Equal(a) || !r.Equal(a) {
			t.Fatalf("%v\n%v\n%v", l, r, a)
		}
		merged++
	})
	t.Attr("figure", fmt.Sprint(merged, " pairs of records"))
}

func TestPatchesConvergeInAnyOrderWithDuplicates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ps := rapid.SliceOfN(patches, 4, 8).Draw(t, "patches")
		other := rapid.Permutation(append(slices.Clone(ps), ps[0], ps[len(ps)/2])).Draw(t, "order")
		a, b := mergeAll(ps), mergeAll(other)
		if !a.Equal(b) {
			t.Fatalf("%v\n%v", a, b)
		}
	})
}

func TestMergeLeavesItsArgumentsAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := records.Draw(t, "a"), records.Draw(t, "b")
		was := []store.Record{cloneRecord(a), cloneRecord(b)}
		store.Merge(a, b)
		if !a.Equal(was[0]) || !b.Equal(was[1]) {
			t.Fatal("an argument changed")
		}
	})
}

func cloneRecord(r store.Record) store.Record {
	r.Registers = slices.Clone(r.Registers)
	return r
}

// A record is what all statements about it leave over: this is the same said in
// the simplest way.
type model struct{ said []store.Patch }

type place struct {
	field  store.Field
	source store.Source
}

type statement struct {
	value string // "" is none
	at    time.Time
}

func (m model) kept() map[place]statement {
	kept := make(map[place]statement)
	for _, p := range m.said {
		all := make(map[store.Field]string)
		for _, f := range p.Clear {
			all[f] = ""
		}
		maps.Copy(all, p.Set)
		for f, v := range all {
			at := place{f, p.Source}
			if old, ok := kept[at]; !ok || wins(at, statement{v, p.At}, old) {
				kept[at] = statement{v, p.At}
			}
		}
	}
	return kept
}

func wins(at place, a, b statement) bool {
	if at == (place{store.FieldStartPayload, store.Observed}) {
		if (a.value == "") != (b.value == "") {
			return b.value == ""
		}
		if !a.at.Equal(b.at) {
			return a.at.Before(b.at)
		}
		return a.value > b.value
	}
	if !a.at.Equal(b.at) {
		return a.at.After(b.at)
	}
	return a.value > b.value
}

func (m model) visible() map[store.Field]string {
	kept := m.kept()
	visible := make(map[store.Field]string)
	from := make(map[store.Field]store.Source)
	for _, source := range []store.Source{store.Observed, store.Declared, store.Pinned} {
		for at, st := range kept {
			if at.source == source && st.value != "" {
				visible[at.field], from[at.field] = st.value, source
			}
		}
	}
	for flag, of := range map[store.Field]store.Field{
		store.FieldEmailVerified: store.FieldEmail,
		store.FieldPhoneVerified: store.FieldPhoneNumber,
	} {
		delete(visible, flag)
		if visible[of] != "" && kept[place{flag, from[of]}].value != "" {
			visible[flag] = "true"
		}
	}
	return visible
}

func (m model) seen() (first, last time.Time) {
	for _, p := range m.said {
		if p.Source != store.Observed {
			continue
		}
		if first.IsZero() || p.At.Before(first) {
			first = p.At
		}
		if p.At.After(last) {
			last = p.At
		}
	}
	return first.Truncate(time.Second), last.Truncate(time.Second)
}

// stated returns the fields of p in the form of Patch.Set.
func stated(t *rapid.T, p store.Profile) map[store.Field]string {
	patch, err := store.PatchOf(p.Key, store.Declared, noon, p)
	if err != nil {
		t.Fatal(err)
	}
	return patch.Set
}

func TestTheProfileIsPinnedOverDeclaredOverObserved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ps := rapid.SliceOfN(patches, 0, 12).Draw(t, "patches")
		m := model{ps}
		got := mergeAll(ps).Profile()
		first, last := m.seen()
		if !got.FirstSeen.Equal(first) || !got.LastSeen.Equal(last) {
			t.Fatalf("seen %v to %v, want %v to %v", got.FirstSeen, got.LastSeen, first, last)
		}
		want := m.visible()
		if want[store.FieldName] == "" && want[store.FieldGivenName] != "" {
			want[store.FieldName] = want[store.FieldGivenName]
		}
		if want[store.FieldStatus] == "" && !first.IsZero() {
			want[store.FieldStatus] = "active"
		}
		has := stated(t, got)
		for _, f := range sortedFields(want) {
			if has[f] != want[f] {
				t.Fatalf("%s is %q, want %q", f, has[f], want[f])
			}
		}
		if len(has) != len(want) {
			t.Fatalf("%v, want %v", has, want)
		}
	})
}

func TestApplyReportsWhatADeltaDid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := model{rapid.SliceOfN(patches, 0, 10).Draw(t, "kept")}
		delta := patches.Draw(t, "delta")
		after := model{append(slices.Clone(before.said), delta)}

		record, change := mergeAll(before.said).Apply(delta.Record())
		if !record.Equal(mergeAll(after.said)) {
			t.Fatal("not the merged record")
		}

		was, is := before.visible(), after.visible()
		firstWas, lastWas := before.seen()
		first, last := after.seen()
		for visible, seen := range map[*map[store.Field]string]time.Time{&was: firstWas, &is: first} {
			if (*visible)[store.FieldStatus] == "" && !seen.IsZero() {
				(*visible)[store.FieldStatus] = string(store.StatusActive)
			}
		}
		var fields []store.Field
		for _, f := range sortedFields(union(was, is)) {
			if was[f] != is[f] {
				fields = append(fields, f)
			}
		}
		if !slices.Equal(change.Fields, fields) {
			t.Fatalf("Fields %v, want %v", change.Fields, fields)
		}

		kept := after.kept()
		outdated := false
		for at, st := range (model{[]store.Patch{delta}}).kept() {
			if at != (place{store.FieldStartPayload, store.Observed}) && kept[at].value != st.value {
				outdated = true
			}
		}
		if change.Outdated != outdated {
			t.Fatalf("Outdated %v", change.Outdated)
		}

		if created := firstWas.IsZero() && !first.IsZero(); change.Created != created {
			t.Fatalf("Created %v", change.Created)
		}
		old := before.kept()
		same := first.Equal(firstWas) && last.Equal(lastWas) && len(old) == len(kept) && len(before.said) > 0
		for at, st := range kept {
			same = same && old[at].value == st.value && old[at].at.Equal(st.at)
		}
		if change.Same != same {
			t.Fatalf("Same %v", change.Same)
		}
		if change.Suppressed {
			t.Fatal("Suppressed")
		}
	})
}

func union[V any](ms ...map[store.Field]V) map[store.Field]bool {
	all := make(map[store.Field]bool)
	for _, m := range ms {
		for f := range m {
			all[f] = true
		}
	}
	return all
}

func TestNewRecordKeepsWhatMergeKeeps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ps := rapid.SliceOfN(patches, 4, 8).Draw(t, "patches")
		want := mergeAll(ps)
		var all []store.Register
		for _, p := range ps {
			all = append(all, p.Record().Registers...)
		}
		all = rapid.Permutation(all).Draw(t, "order")
		if got := store.NewRecord(ann, want.FirstSeen, want.LastSeen, all); !got.Equal(want) {
			t.Fatalf("%v\n%v", got, want)
		}
	})
}

func TestTheLaterStatementStaysAndTiesHaveOneWinner(t *testing.T) {
	t.Parallel()
	const early, late = 0, 1
	for _, c := range []struct {
		name     string
		field    store.Field
		source   store.Source
		a, b     string
		aAt, bAt time.Duration
		want     string
	}{
		{name: "the later one", field: store.FieldName, a: "Z", b: "A", aAt: early, bAt: late, want: "A"},
		{name: "later none", field: store.FieldName, a: "Z", b: "", aAt: early, bAt: late, want: ""},
		{name: "a tie goes to the greater value", field: store.FieldName, a: "A", b: "Z", want: "Z"},
		{name: "a tie goes to a value", field: store.FieldName, a: "A", b: "", want: "A"},
		{name: "the first start payload", field: store.FieldStartPayload, a: "A", b: "Z", aAt: early, bAt: late, want: "A"},
		{name: "no payload is not the first", field: store.FieldStartPayload, a: "", b: "Z", aAt: early, bAt: late, want: "Z"},
		{name: "no payload takes none away", field: store.FieldStartPayload, a: "Z", b: "", aAt: early, bAt: late, want: "Z"},
		{name: "a tie of payloads", field: store.FieldStartPayload, a: "A", b: "Z", want: "Z"},
		{name: "a pinned payload is like any field", field: store.FieldStartPayload, source: store.Pinned, a: "Z", b: "A", bAt: late, want: "A"},
	} {
		say := func(value string, at time.Duration) store.Record {
			return store.Patch{Key: ann, Source: c.source, At: noon.Add(at), Set: map[store.Field]string{c.field: value}}.Record()
		}
		a, b := say(c.a, c.aAt), say(c.b, c.bAt)
		for _, m := range []store.Record{store.Merge(a, b), store.Merge(b, a)} {
			if got := m.Registers[0].Value; len(m.Registers) != 1 || got != c.want {
				t.Errorf("%s: %q stays, want %q", c.name, got, c.want)
			}
		}
	}
}

func TestALaterStartPayloadIsNotOutdatedButADeclaredOneCanBe(t *testing.T) {
	t.Parallel()
	say := func(source store.Source, at time.Duration, payload string) store.Record {
		return store.Patch{
			Key: ann, Source: source, At: noon.Add(at), Set: map[store.Field]string{store.FieldStartPayload: payload},
		}.Record()
	}
	if _, c := say(store.Observed, 0, "ad").Apply(say(store.Observed, 1, "friend")); c.Outdated || len(c.Fields) > 0 {
		t.Errorf("a second payload: %+v", c)
	}
	if _, c := say(store.Declared, 1, "ad").Apply(say(store.Declared, 0, "friend")); !c.Outdated {
		t.Error("a payload that was declared before the one that is kept is not outdated")
	}
}

func TestUnpinningShowsWhatLiesUnder(t *testing.T) {
	t.Parallel()
	var r store.Record
	state := func(source store.Source, at int, name string) string {
		p := store.Patch{Key: ann, Source: source, At: noon.Add(time.Duration(at))}
		if name == "" {
			p.Clear = []store.Field{store.FieldName}
		} else {
			p.Set = map[store.Field]string{store.FieldName: name}
		}
		r = store.Merge(r, p.Record())
		return r.Profile().Name
	}
	for i, step := range []struct {
		source     store.Source
		name, seen string
	}{
		{store.Observed, "Ann", "Ann"},
		{store.Pinned, "The Boss", "The Boss"},
		{store.Declared, "Anna", "The Boss"},
		{store.Observed, "Annie", "The Boss"},
		{store.Pinned, "", "Anna"},
		{store.Declared, "", "Annie"},
		{store.Observed, "", ""},
	} {
		if got := state(step.source, i, step.name); got != step.seen {
			t.Errorf("step %d: %q is seen, want %q", i, got, step.seen)
		}
	}
}

func TestAVerifiedFlagBelongsToItsOwnEmail(t *testing.T) {
	t.Parallel()
	say := func(source store.Source, set map[store.Field]string) store.Record {
		return store.Patch{Key: ann, Source: source, At: noon, Set: set}.Record()
	}
	observed := say(store.Observed, map[store.Field]string{
		store.FieldEmail: "ann@example.org", store.FieldEmailVerified: "true",
	})
	if !observed.Profile().EmailVerified {
		t.Fatal("the platform's word is not taken")
	}
	declared := say(store.Declared, map[store.Field]string{store.FieldEmail: "anna@example.org"})
	merged, change := observed.Apply(declared)
	if p := merged.Profile(); p.Email != "anna@example.org" || p.EmailVerified {
		t.Errorf("the declared email counts as verified: %+v", p)
	}
	if want := []store.Field{store.FieldEmail, store.FieldEmailVerified}; !slices.Equal(change.Fields, want) {
		t.Errorf("Fields %v, want %v", change.Fields, want)
	}
	pinnedFlag := say(store.Pinned, map[store.Field]string{store.FieldEmailVerified: "true"})
	if p := store.Merge(observed, pinnedFlag).Profile(); !p.EmailVerified {
		t.Error("a pinned flag hides the one that counts")
	}
	if p := store.Merge(merged, pinnedFlag).Profile(); p.EmailVerified {
		t.Error("a pinned flag verifies an email that the owner did not state")
	}
}

func TestHandMadeUnsortedRecordsDoNotPanic(t *testing.T) {
	t.Parallel()
	fields := []store.Field{"name", "email", "email_verified", "name", "start_payload", "zzz", ""}
	rapid.Check(t, func(t *rapid.T) {
		handMade := func(name string) store.Record {
			regs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) store.Register {
				return store.Register{
					Field:   rapid.SampledFrom(fields).Draw(t, "field"),
					Source:  store.Source(rapid.IntRange(0, 4).Draw(t, "source")),
					Cleared: rapid.Bool().Draw(t, "cleared"),
					Value:   rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "value"),
				}
			}), 0, 6).Draw(t, name)
			return store.Record{Key: ann, Registers: regs}
		}
		merged, _ := handMade("kept").Apply(handMade("delta"))
		merged.Profile()
	})
}

func TestATimeIsKeptInUTCAndWithinBounds(t *testing.T) {
	t.Parallel()
	paris := time.FixedZone("", 3600)
	for _, c := range []struct{ at, want time.Time }{
		{noon.In(paris), noon},
		{time.Now(), time.Time{}},
		{time.Date(1066, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0).UTC()},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<33, 0).UTC()},
	} {
		if c.want.IsZero() {
			c.want = c.at.Round(0).UTC()
		}
		r := store.Patch{Key: ann, At: c.at, Set: map[store.Field]string{store.FieldName: "Ann"}}.Record()
		if got := r.Registers[0].At; got != c.want {
			t.Errorf("%v is kept as %v, want %v", c.at, got, c.want)
		}
		seconds := c.want.Truncate(time.Second)
		if r.FirstSeen != seconds || r.LastSeen != seconds {
			t.Errorf("%v is seen from %v to %v, want %v", c.at, r.FirstSeen, r.LastSeen, seconds)
		}
	}
}

func TestATypicalMergeTakesTwoAllocationsAtMost(t *testing.T) {
	kept, delta := typicalRecord(), rename()
	if n := testing.AllocsPerRun(100, func() { store.Merge(kept, delta) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

// Somebody whom the bot's owner had stated by hand writes for the first time.
func TestWhoIsSeenForTheFirstTimeBecomesActive(t *testing.T) {
	t.Parallel()
	stated := store.Patch{Key: ann, Source: store.Declared, At: noon, Set: map[store.Field]string{store.FieldName: "Ann"}}
	kept, _ := store.Record{}.Apply(stated.Record())
	_, change := kept.Apply(store.Patch{Key: ann, At: noon}.Record())
	if !change.Created || !slices.Equal(change.Fields, []store.Field{store.FieldStatus}) || change.Profile.Status != store.StatusActive {
		t.Errorf("change = %+v", change)
	}
}
