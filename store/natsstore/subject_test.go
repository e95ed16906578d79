package natsstore

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

var inTest = &Store{prefix: "$KV.test."}

func keys() *rapid.Generator[store.Key] {
	return rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{
			Channel: rapid.StringMatching(`[a-c_-]{1,6}`).Draw(t, "channel"),
			UserID: rapid.OneOf(
				rapid.StringMatching(`[0-3.*> :]{1,9}`),
				rapid.StringOfN(rapid.Rune(), 1, 20, 255),
			).Filter(func(id string) bool { return store.Key{Channel: "a", UserID: id}.Validate() == nil }).Draw(t, "id"),
		}
	})
}

// onlyOwnTokens fails for a subject that says something to the server.
func onlyOwnTokens(t interface{ Errorf(string, ...any) }, subject string) {
	rest := strings.TrimPrefix(subject, inTest.prefix)
	if strings.ContainsAny(rest, "*> \t\r\n") || slices.Contains(strings.Split(rest, "."), "") {
		t.Errorf("the subject %q has a wildcard, a space or an empty token", subject)
	}
}

func TestSubjectsAreApartAndSortAsKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := keys().Draw(t, "a"), keys().Draw(t, "b")
		x, y := inTest.person(a), inTest.person(b)
		onlyOwnTokens(t, x)
		if cmp.Compare(x, y) != a.Compare(b) {
			t.Errorf("%q and %q compare %d, their subjects %q and %q do not", a, b, a.Compare(b), x, y)
		}
		if back, err := inTest.keyOf(x); err != nil || back != a {
			t.Errorf("%q comes back as %q, %v", a, back, err)
		}
	})
}

func TestHostileKeysBreakOutOfNoSubject(t *testing.T) {
	for _, pair := range hostile.KeyPairs {
		a, b := store.Key(pair[0]), store.Key(pair[1])
		if a.Validate() != nil || b.Validate() != nil {
			continue
		}
		onlyOwnTokens(t, inTest.person(a))
		if inTest.person(a) == inTest.person(b) {
			t.Errorf("%q and %q have one subject", a, b)
		}
	}
}

func TestSubjectsOfOthersAreRefused(t *testing.T) {
	for _, tokens := range []string{"", "61", "61.", "61.3", "61.3132.3", "61.31.32", "61.31323334", "4142.31", "61.zz", "61.FF", "61.00"} {
		if key, err := parseKey(tokens); err == nil {
			t.Errorf("%q is read as %q", tokens, key)
		}
	}
}

func TestPlacesSortByWhenTheyAreDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := keys().Draw(t, "key")
		due := rapid.Int64Range(0, 1<<43)
		i, j := due.Draw(t, "i"), due.Draw(t, "j")
		random := rapid.StringMatching(`[0-9a-f]{8}`)
		p, q := newPlace(laneLive, i, random.Draw(t, "ri")), newPlace(laneLive, j, random.Draw(t, "rj"))
		if i != j && cmp.Compare(p, q) != cmp.Compare(i, j) {
			t.Errorf("%q and %q do not sort as %d and %d", p, q, i, j)
		}
		subject := inTest.at("acme.crm", 7, p, key)
		onlyOwnTokens(t, subject)
		got, err := parseCandidate(inTest.owed("acme.crm", 7), subject)
		if want := (candidate{key: key, place: p, due: i}); err != nil || got != want {
			t.Errorf("%q is read as %+v, %v", subject, got, err)
		}
	})
}

func standings() *rapid.Generator[standing] {
	return rapid.Custom(func(t *rapid.T) standing {
		st := store.Standing{
			Backend:  rapid.StringMatching(`[a-z.]{1,8}`).Draw(t, "backend"),
			State:    rapid.SampledFrom([]store.State{store.StateOwed, store.StateDelivered, store.StateDead, store.StateErased, store.StateUnerasable, store.StateUnserved}).Draw(t, "state"),
			Version:  rapid.Int64().Draw(t, "version"),
			All:      rapid.Bool().Draw(t, "all"),
			Erase:    rapid.Bool().Draw(t, "erase"),
			Bulk:     rapid.Bool().Draw(t, "bulk"),
			Due:      time.UnixMilli(rapid.Int64Range(0, 1<<43).Draw(t, "due")).UTC(),
			Token:    rapid.Int64().Draw(t, "token"),
			Touched:  rapid.Bool().Draw(t, "touched"),
			Attempts: rapid.IntRange(0, 1000).Draw(t, "attempts"),
			Reason:   rapid.String().Draw(t, "reason"),
			Remote:   rapid.String().Draw(t, "remote"),
		}
		if rapid.Bool().Draw(t, "fields") {
			st.Fields = []store.Field{store.FieldEmail, store.NickField("a.b")}
		}
		return standing{Standing: st, number: rapid.Uint64().Draw(t, "number"), place: "0.x"}
	})
}

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entry{key: keys().Draw(t, "key"), suppressed: rapid.Bool().Draw(t, "suppressed"), kept: rapid.Bool().Draw(t, "kept")}
		if e.kept {
			e.record = store.Patch{Key: e.key, At: time.Unix(1e9, 5), Set: map[store.Field]string{
				store.FieldGivenName: rapid.StringN(1, 20, -1).Draw(t, "name"),
			}}.Record()
		} else if rapid.Bool().Draw(t, "damaged") {
			e.damaged, e.rest = true, rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "rest")
		}
		e.standings = rapid.SliceOfN(standings(), 0, 3).Draw(t, "standings")
		if len(e.standings) == 0 {
			e.standings = nil
		}
		for i := range e.standings {
			e.standings[i].Key = e.key
		}
		data, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		back := decodeEntry(e.key, data)
		if !back.record.Equal(e.record) {
			t.Errorf("the record comes back as %v", back.record)
		}
		back.record, e.record = store.Record{}, store.Record{}
		if !reflect.DeepEqual(back, e) {
			t.Errorf("%+v comes back as %+v", e, back)
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	key := store.Key{Channel: "telegram", UserID: "42"}
	e := entry{key: key, kept: true, record: store.Patch{Key: key, At: time.Unix(1e9, 0)}.Record()}
	e.standings = []standing{{Standing: store.Standing{Backend: "crm", Key: key, State: store.StateOwed}, number: 1, place: "0.x"}}
	data, err := e.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{})
	f.Add([]byte{entryVersion, flagKept, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{entryVersion + 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		e := decodeEntry(key, data)
		if e.kept && e.record.Key != key {
			t.Errorf("an entry of %q is taken for that of %q", e.record.Key, key)
		}
		_ = e.usable()
		for _, st := range e.standings {
			if !st.State.Known() || !slices.IsSorted(st.Fields) {
				t.Errorf("the standing %+v is damaged", st)
			}
		}
	})
}

func FuzzCandidate(f *testing.F) {
	owed := inTest.owed("crm", 1)
	f.Add("0.0192f3a4b5c600000001.61.31")
	f.Add("0.-192f3a4b5c600000001.61.31")
	f.Add("0.1")
	f.Fuzz(func(t *testing.T, rest string) {
		c, err := parseCandidate(owed, owed+rest)
		if err == nil && inTest.at("crm", 1, c.place, c.key) != owed+rest {
			t.Errorf("%q is read as %+v", rest, c)
		}
	})
}
