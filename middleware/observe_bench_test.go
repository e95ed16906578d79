package middleware_test

import (
	"context"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func BenchmarkObserveUnchanged(b *testing.B) {
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer mw.Close(context.Background())
	observe := func() {
		s := middleware.Sender{Channel: "telegram", NumericID: 123456789, Event: "message", At: noon}
		s.Set(store.FieldGivenName, "Ann")
		s.Set(store.FieldFamilyName, "Smith")
		s.Set(store.FieldUsername, "annsmith")
		s.Set(store.FieldLocale, "pt-br")
		s.SetFlag(store.FieldIsPremium, false)
		s.Set(store.FieldStatus, string(store.StatusActive))
		mw.Observe(&s)
	}
	observe()
	if err := mw.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		observe()
	}
}

// A hundred people at a time have another family name than at their last message.
// ns/handed is for how long each holds up their handler.
func BenchmarkObserveChanged(b *testing.B) {
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer mw.Close(context.Background())
	const burst = 100
	names := [...]string{"Lee", "Kowalska", "García Márquez", "O'Neil", "Ivanova", "van der Berg", "Okafor"}
	var handed time.Duration
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		begin := time.Now()
		for i := range burst {
			s := middleware.Sender{Channel: "telegram", NumericID: 7_000_000_000 + uint64(i), Event: "message", At: noon.Add(time.Duration(n) * time.Second)}
			s.Set(store.FieldGivenName, "Ann-Marie")
			s.Set(store.FieldFamilyName, names[(n+i)%len(names)])
			s.Set(store.FieldUsername, "ann_marie")
			s.SetFlag(store.FieldIsPremium, true)
			s.Set(store.FieldLocale, "pt-BR")
			s.Set(store.FieldStatus, string(store.StatusActive))
			mw.Observe(&s)
		}
		handed += time.Since(begin)
		if err := mw.Flush(context.Background()); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(handed)/float64(n*burst), "ns/handed")
}
