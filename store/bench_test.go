package store_test

import (
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// typicalRecord is a person as Telegram tells of one, who left an email.
func typicalRecord() store.Record {
	observed := store.Patch{
		Key: store.Key{Channel: "telegram", UserID: "7123456789"}, Source: store.Observed, At: noon,
		Set: map[store.Field]string{
			store.FieldName: "Ann-Marie O'Neil", store.FieldGivenName: "Ann-Marie", store.FieldFamilyName: "O'Neil",
			store.FieldUsername: "annmarie", store.FieldLocale: "pt-BR", store.FieldIsPremium: "true",
			store.FieldStartPayload: "spring-campaign", store.FieldStatus: "active",
		},
	}
	declared := store.Patch{
		Key: observed.Key, Source: store.Declared, At: noon.Add(time.Hour),
		Set:   map[store.Field]string{store.FieldEmail: "ann@example.org", store.CustomKey("plan"): `"gold"`},
		Clear: []store.Field{store.FieldEmailVerified},
	}
	return store.Merge(observed.Record(), declared.Record())
}

// rename is the same person at a later message, as complete as the first.
func rename() store.Record {
	return store.Patch{
		Key: store.Key{Channel: "telegram", UserID: "7123456789"}, Source: store.Observed, At: noon.Add(2 * time.Hour),
		Set: map[store.Field]string{
			store.FieldName: "Ann Smith", store.FieldGivenName: "Ann", store.FieldFamilyName: "Smith",
			store.FieldUsername: "annsmith", store.FieldLocale: "pt-BR",
		},
		Clear: []store.Field{store.FieldIsPremium},
	}.Record()
}

func BenchmarkMerge(b *testing.B) {
	kept, delta := typicalRecord(), rename()
	b.ReportAllocs()
	for b.Loop() {
		store.Merge(kept, delta)
	}
}

func BenchmarkApply(b *testing.B) {
	kept, delta := typicalRecord(), rename()
	b.ReportAllocs()
	for b.Loop() {
		kept.Apply(delta)
	}
}

func BenchmarkRepair(b *testing.B) {
	for _, c := range []struct {
		name  string
		field store.Field
		raw   string
	}{
		{"ascii", store.FieldName, "Ann-Marie O'Neil"},
		{"cjk", store.FieldName, "山田太郎"},
		{"emoji", store.FieldName, "Ann 👨‍👩‍👧‍👦"},
		{"locale", store.FieldLocale, "pt-BR"},
		{"url", store.FieldPicture, "https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png"},
		{"dirty", store.FieldName, "\u202eAnn\x00-Marie\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				store.Repair(c.field, c.raw)
			}
		})
	}
}

func BenchmarkAppendBinary(b *testing.B) {
	r := typicalRecord()
	buf, err := r.AppendBinary(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ReportMetric(float64(len(buf)), "B/record")
	for b.Loop() {
		buf, _ = r.AppendBinary(buf[:0])
	}
}

func BenchmarkMarshalBinary(b *testing.B) {
	r := typicalRecord()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.MarshalBinary(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalBinary(b *testing.B) {
	data, err := typicalRecord().MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	var r store.Record
	b.ReportAllocs()
	for b.Loop() {
		if err := r.UnmarshalBinary(data); err != nil {
			b.Fatal(err)
		}
	}
}
