package backendtest

import (
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Person returns the profile by which Run delivers a person for the first time,
// where the property does not ask for another one. No two people share a
// username, an email address or a phone number.
func Person(key store.Key) store.Profile { return newPerson(key).profile() }

// A person is one who is delivered, and what is known of them.
type person struct {
	key    store.Key
	values map[store.Field]string
	remote string
	known  bool // somebody tried to deliver them
	last   store.Delivery
}

func newPerson(key store.Key) *person {
	return &person{key: key, values: versionOf(key, 0)}
}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (w *person) profile() store.Profile {
	return store.Patch{Key: w.key, Source: store.Observed, At: epoch, Set: w.values}.Record().Profile()
}

// set gives one field its value of another version.
func (w *person) set(f store.Field, version int) { w.values[f] = versionOf(w.key, version)[f] }

// change gives a field of changeable another value than it has.
func (w *person) change(f store.Field) {
	was := w.values[f]
	if w.set(f, 1); w.values[f] == was {
		w.set(f, 2)
	}
}

var nameParts = []store.Field{store.FieldGivenName, store.FieldMiddleName, store.FieldFamilyName}

// named tells the fields that change with f: a Name that is made of its parts,
// and the flag of an email or phone number that is gone.
func (w *person) named(f store.Field) []store.Field {
	changed := []store.Field{f}
	switch {
	case slices.Contains(nameParts, f) && w.values[store.FieldName] == "":
		changed = append(changed, store.FieldName)
	case f == store.FieldEmail && w.values[f] == "":
		changed = append(changed, store.FieldEmailVerified)
	case f == store.FieldPhoneNumber && w.values[f] == "":
		changed = append(changed, store.FieldPhoneVerified)
	}
	return changed
}

// versionOf returns one of three versions of a person. Name is made of its parts
// in each. The values are plain: what is hostile has properties of its own.
func versionOf(key store.Key, version int) map[store.Field]string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key.String()))
	id := h.Sum64()
	word := make([]byte, 7)
	for i := range word {
		word[i] = 'a' + byte(id>>(8*i)%26)
	}
	digits := make([]byte, 7)
	for i := range digits {
		digits[i] = '0' + byte(id>>(8*i+1)%10)
	}
	who := []string{"Zden", "Brun", "Kveta"}[version] + string(word)
	small := strings.ToLower(who)
	return map[store.Field]string{
		store.FieldGivenName:         who,
		store.FieldMiddleName:        "Middle" + who,
		store.FieldFamilyName:        "O'Quorn-" + who,
		store.FieldNickname:          "Nick " + who,
		store.FieldPreferredUsername: "pref." + small,
		store.FieldProfile:           "https://example.org/profile/" + small,
		store.FieldPicture:           "https://example.org/picture/" + small + ".png",
		store.FieldWebsite:           "https://example.org/site/" + small,
		store.FieldEmail:             small + "@example.org",
		store.FieldEmailVerified:     "true",
		store.FieldGender:            []string{"F", "M", "U"}[version],
		store.FieldBirthdate:         []string{"1990-12-31", "1991-01-01", "1992-02-29"}[version],
		store.FieldZoneinfo:          []string{"Europe/Paris", "Asia/Tokyo", "America/Lima"}[version],
		store.FieldLocale:            []string{"pt-BR", "de", "fr"}[version],
		store.FieldPhoneNumber:       []string{"+1415", "+1416", "+1417"}[version] + string(digits),
		store.FieldPhoneVerified:     "true",
		store.FieldFormatted:         "1 " + who + " Road, Lyon",
		store.FieldStreetAddress:     "1 " + who + " Road",
		store.FieldLocality:          "Lyon " + who,
		store.FieldRegion:            "Region " + who,
		store.FieldPostalCode:        []string{"69001", "69002", "69003"}[version],
		store.FieldCountry:           []string{"FR", "DE", "BR"}[version],
		store.FieldUsername:          small,
		store.FieldStatus:            []string{"active", "blocked", "left"}[version],
		store.FieldIsPremium:         "true",
		store.FieldBio:               "I am " + who,
		store.FieldStartPayload:      "promo-" + small,
		store.NickField("1001"):      "Guild " + who,
		store.CustomKey("tier"):      `"gold ` + who + `"`,
	}
}

// changeable are the fields of which all versions differ, sorted.
func changeable(key store.Key) []store.Field {
	was, is := versionOf(key, 0), versionOf(key, 1)
	maps.DeleteFunc(is, func(f store.Field, v string) bool { return was[f] == v })
	return slices.Sorted(maps.Keys(is))
}

// delivery is what the middleware hands to a backend with these traits when
// these fields changed, or everything is owed where none is named. The Version is
// left to the probe.
func (w *person) delivery(t store.Traits, changed ...store.Field) store.Delivery {
	profile := w.profile()
	d := store.Delivery{Profile: profile, All: len(changed) == 0 || t.Replaces, Remote: w.remote, Attempt: 1}
	d.Fields = slices.Clone(changed)
	if d.All {
		d.Fields = append(d.Fields, profile.Stated()...)
	}
	d.Fields = slices.DeleteFunc(d.Fields, func(f store.Field) bool {
		return !takes(t, f) || (t.CannotClear || !w.known) && profile.Value(f) == ""
	})
	slices.Sort(d.Fields)
	d.Fields = slices.Compact(d.Fields)
	return d
}

func takes(t store.Traits, f store.Field) bool { return t.Takes == nil || t.Takes(f) }

func isServed(t store.Traits, key store.Key) bool { return t.Serves == nil || t.Serves(key) }
