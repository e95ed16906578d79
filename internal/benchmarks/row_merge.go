package main

import (
	"errors"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// merge joins a Telegram user's rename, as complete as an event says it, to somebody
// of whom eleven fields of two sources are kept.
func merge() Subject {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := store.Key{Channel: "telegram", UserID: "7123456789"}
	kept := store.Merge(
		store.Patch{
			Key: key, Source: store.Observed, At: noon,
			Set: map[store.Field]string{
				store.FieldName: "Ann-Marie O'Neil", store.FieldGivenName: "Ann-Marie", store.FieldFamilyName: "O'Neil",
				store.FieldUsername: "annmarie", store.FieldLocale: "pt-BR", store.FieldIsPremium: "true",
				store.FieldStartPayload: "spring-campaign", store.FieldStatus: "active",
			},
		}.Record(),
		store.Patch{
			Key: key, Source: store.Declared, At: noon.Add(time.Hour),
			Set:   map[store.Field]string{store.FieldEmail: "ann@example.org", store.CustomKey("plan"): `"gold"`},
			Clear: []store.Field{store.FieldEmailVerified},
		}.Record(),
	)
	patch := store.Patch{
		Key: key, Source: store.Observed, At: noon.Add(2 * time.Hour),
		Set: map[store.Field]string{
			store.FieldName: "Ann Smith", store.FieldGivenName: "Ann", store.FieldFamilyName: "Smith",
			store.FieldUsername: "annsmith", store.FieldLocale: "pt-BR",
		},
		Clear: []store.Field{store.FieldIsPremium},
	}.Record()
	const limit = "one slice for the result; each register of both sides is compared and copied"
	return Subject{
		Name: "Merge of a typical patch",
		Sides: []Side{{Name: "rollcall", Loop: func(*Env) (func(int) error, error) {
			return func(n int) error {
				for range n {
					if store.Merge(kept, patch).Key != key {
						return errors.New("it is somebody else")
					}
				}
				return nil
			}, nil
		}}},
		Instructions: true,
		Claims: []Claim{
			{Of: "time", Metric: Time, Form: Value, Wanted: AtMost(1000), Limit: limit},
			{Of: "allocations", Metric: Allocs, Form: Value, Wanted: AtMost(2), Guard: AtMost(2), Possible: new(1.0), Limit: limit},
		},
	}
}
