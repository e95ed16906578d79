package store_test

import (
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func TestSearchIgnoresCaseAndForm(t *testing.T) {
	t.Parallel()
	p := store.Profile{
		Key: ann, Name: "Ann Straße", Username: "AnnS", Email: "ann@Example.org", Bio: "secret",
		Nicks: map[string]string{"7": "Jose\u0301 Ⅳ"},
	}
	for _, q := range []string{"", "ann", "STRASSE", "strasse", "straße", "ANNS", "EXAMPLE.ORG", "josé", "JOSÉ", "iv"} {
		if !(store.Filter{Search: q}).Match(p) {
			t.Errorf("%q is not found", q)
		}
	}
	for _, q := range []string{"secret", "bob", "ann\x00", "telegram", "42", "a%", "_"} {
		if (store.Filter{Search: q}).Match(p) {
			t.Errorf("%q is found", q)
		}
	}
}

func TestFoldSearchIsIdempotent(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"Straße", "İI", "ΑΣ", "ﬁ", "e\u0301", "\u0345\u0399", "ǰ", "ANN"} {
		once := store.FoldSearch(s)
		if twice := store.FoldSearch(once); twice != once {
			t.Errorf("%q: %q, then %q", s, once, twice)
		}
	}
}

func TestTheConditionsOfAFilterAddUp(t *testing.T) {
	t.Parallel()
	p := store.Profile{
		Key: ann, Name: "Ann", Status: store.StatusActive, FirstSeen: noon, LastSeen: noon.Add(time.Hour),
	}
	all := store.Filter{
		Channel: "telegram", Status: store.StatusActive, CreatedSince: noon, SeenSince: noon.Add(time.Hour), Search: "ann",
	}
	if !all.Match(p) {
		t.Error("what passes all conditions does not match")
	}
	for name, change := range map[string]func(*store.Filter){
		"channel": func(f *store.Filter) { f.Channel = "discord" },
		"status":  func(f *store.Filter) { f.Status = store.StatusLeft },
		"created": func(f *store.Filter) { f.CreatedSince = noon.Add(1) },
		"seen":    func(f *store.Filter) { f.SeenSince = noon.Add(time.Hour + 1) },
		"search":  func(f *store.Filter) { f.Search = "bob" },
	} {
		f := all
		change(&f)
		if f.Match(p) {
			t.Errorf("%s: matches", name)
		}
	}
}
