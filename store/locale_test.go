package store

import (
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/text/language"
)

var someTags = []string{
	"", "en", "EN", "pt-BR", "pt-br", "pt_BR", "de-DE-1996", "zh-Hant-TW", "zh-hant-tw", "iw", "sh", "no", "und", "und-US", "x-a", "i-klingon",
	"en-US-u-co-phonebk", "en-u-nu-latn-co-phonebk", "en-a-bbb-x-a-ccccc", "xx", "zz-ZZ", "not a tag", "e", "en-", "-", "\xff", "en\x00", "e\u200bn",
	"en-GB-oed", "sr-Latn-RS", "es-419", "english", "de-", "pt-BR-pt-BR", "cmn", "art-lojban", "mo", "fil", "tl",
}

// FuzzRememberedLocale compares what is remembered of a tag with what it was made of,
// also where another one of the same place came between.
func FuzzRememberedLocale(f *testing.F) {
	for _, tag := range someTags {
		f.Add(tag, "en")
		f.Add("en", tag)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > maxLocale || len(b) > maxLocale {
			return
		}
		var m tagMemo
		for _, tag := range []string{a, a, b, a, b} {
			if got, want := m.form(tag), parseLocale(tag); got != want {
				t.Fatalf("%q: remembered is %+v, not %+v", tag, got, want)
			}
		}
		canonical, err := language.Parse(a)
		if known := err == nil && canonical != language.Und; known != (tags.form(a).problem == "") {
			t.Errorf("%q: %v, and the problem is %q", a, err, tags.form(a).problem)
		}
	})
}

func TestRememberedLocaleKeepsNoEventAlive(t *testing.T) {
	t.Parallel()
	var m tagMemo
	event := strings.Repeat("pt-BR ", 100)
	tag := event[6:11]
	m.form(tag)
	if f := m.form("pt-BR"); unsafe.StringData(f.tag) == unsafe.StringData(tag) || unsafe.StringData(f.tidy) == unsafe.StringData(tag) {
		t.Error("what is remembered points into the event")
	}
}

func TestRememberedLocaleFromManyGoroutines(t *testing.T) {
	t.Parallel()
	var (
		m  tagMemo
		wg sync.WaitGroup
	)
	for range 4 {
		wg.Go(func() {
			for i := range 5_000 {
				tag := someTags[i%len(someTags)]
				if m.form(tag).tag != tag {
					t.Errorf("%q was taken for another tag", tag)
				}
			}
		})
	}
	wg.Wait()
}

func TestTidyLocaleIsRepairedWithoutAnAllocation(t *testing.T) {
	if allocs := testing.AllocsPerRun(100, func() {
		if value, ok := Repair(FieldLocale, "pt-BR"); value != "pt-BR" || !ok {
			t.Errorf("%q, %v", value, ok)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}
