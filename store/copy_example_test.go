package store_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A bot moves to another store, of whatever kind. Ann is delivered to the crm
// already, and Bob is not.
func ExampleCopy() {
	ctx := context.Background()
	src, dst := memstore.New(), memstore.New()
	defer src.Close()
	defer dst.Close()
	if err := src.Enroll(ctx, "crm"); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"Ann", "Bob"} {
		p := store.Patch{
			Key: store.Key{Channel: "telegram", UserID: name}, At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
			Set: map[store.Field]string{store.FieldGivenName: name},
		}
		if _, err := src.Apply(ctx, []store.Record{p.Record()}); err != nil {
			log.Fatal(err)
		}
	}
	claims, _, err := src.Claim(ctx, "crm", 1, time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	ann := claims[0].Standing
	err = src.Settle(ctx, "crm", []store.Settlement{{Key: ann.Key, Token: ann.Token, Version: ann.Version, Verdict: store.VerdictDelivered}})
	if err != nil {
		log.Fatal(err)
	}

	err = store.Copy(ctx, dst, src, &store.CopyOptions{
		Progress: func(p store.CopyProgress) { fmt.Println(p.People, "people copied, up to", p.Last) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for s, err := range dst.Standings(ctx, store.StandingFilter{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Key, s.State)
	}
	// Output:
	// 2 people copied, up to telegram:Bob
	// telegram:Ann delivered
	// telegram:Bob owed
}
