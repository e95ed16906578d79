package export_test

import (
	"io"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/export"
)

// typical is somebody of whom as much is known as Telegram tells.
var typical = store.Profile{
	Key: store.Key{Channel: "telegram", UserID: "7123456789"}, Name: "Ann-Marie O'Neil", GivenName: "Ann-Marie", FamilyName: "O'Neil",
	Locale: "pt-BR", Username: "annmarie", Status: store.StatusActive, IsPremium: true,
	FirstSeen: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), LastSeen: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
}

func repeated(n int) func(yield func(store.Profile, error) bool) {
	return func(yield func(store.Profile, error) bool) {
		for range n {
			if !yield(typical, nil) {
				return
			}
		}
	}
}

func BenchmarkCSV(b *testing.B) {
	b.ReportAllocs()
	if n, err := export.CSV(io.Discard, repeated(b.N), nil); n != b.N || err != nil {
		b.Fatal(n, err)
	}
}

func BenchmarkJSON(b *testing.B) {
	b.ReportAllocs()
	if n, err := export.JSON(io.Discard, repeated(b.N)); n != b.N || err != nil {
		b.Fatal(n, err)
	}
}

// A listing of millions must not allocate with every person it writes: of JSON nothing, of
// CSV the two times.
func TestWritingATypicalPersonAllocates(t *testing.T) {
	const people = 1000
	for name, most := range map[string]float64{"CSV": 2 * people, "JSON": 0} {
		n := testing.AllocsPerRun(5, func() { _, _ = writers[name](io.Discard, repeated(people)) })
		if n > most+100 {
			t.Errorf("%s: %v allocations for %d people", name, n, people)
		}
	}
}
