package store_test

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-go/rollcall/store"
)

func Example() {
	key := store.Key{Channel: "telegram", UserID: "42"}
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

	// The platform says who wrote; the person tells the bot an email.
	var kept store.Record
	for _, p := range []store.Patch{
		{Key: key, Source: store.Observed, At: monday, Set: map[store.Field]string{
			store.FieldGivenName: "Ann", store.FieldFamilyName: "Lee",
		}},
		{Key: key, Source: store.Declared, At: monday.Add(time.Minute), Set: map[store.Field]string{
			store.FieldEmail: "ann@example.org",
		}},
	} {
		kept = store.Merge(kept, p.Record())
	}

	// On Tuesday the last name is gone.
	kept, change := kept.Apply(store.Patch{
		Key: key, Source: store.Observed, At: monday.Add(24 * time.Hour),
		Set:   map[store.Field]string{store.FieldGivenName: "Ann"},
		Clear: []store.Field{store.FieldFamilyName},
	}.Record())

	p := kept.Profile()
	fmt.Println(p.Name, p.Email, p.FirstSeen.Weekday(), p.LastSeen.Weekday())
	fmt.Println("changed:", change.Fields)
	// Output:
	// Ann ann@example.org Monday Tuesday
	// changed: [family_name]
}

func ExampleMerge() {
	key := store.Key{Channel: "discord", UserID: "80351110224678912"}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	named := func(name string, source store.Source, at time.Time) store.Record {
		return store.Patch{Key: key, Source: source, At: at, Set: map[store.Field]string{store.FieldName: name}}.Record()
	}
	before := named("Nelly", store.Observed, at)
	after := named("Nell", store.Observed, at.Add(time.Hour))
	pinned := named("Nell Trent", store.Pinned, at)

	// An old event that comes late changes nothing, and the owner's word stands.
	fmt.Println(store.Merge(after, before).Profile().Name)
	fmt.Println(store.Merge(before, after).Profile().Name)
	fmt.Println(store.Merge(store.Merge(pinned, before), after).Profile().Name)
	// Output:
	// Nell
	// Nell
	// Nell Trent
}

func ExampleKey() {
	k := store.Key{Channel: "matrix", UserID: "@ann:example.org"}
	fmt.Println(k)

	back, err := store.ParseKey("matrix:@ann:example.org")
	fmt.Println(back == k, err)

	_, err = store.ParseKey("ann")
	fmt.Println(err)
	// Output:
	// matrix:@ann:example.org
	// true <nil>
	// a channelUserId looks like telegram:42: invalid
}

func ExamplePatch_Validate() {
	custom := store.CustomFields{{Key: "plan", Type: store.CustomSelect, Options: []string{"free", "gold"}}}
	p, err := store.PatchOf(
		store.Key{Channel: "telegram", UserID: "42"}, store.Declared, time.Now(),
		store.Profile{
			Email:   "ann at example.org",
			Website: "https://example.org",
			Custom:  map[string]any{"plan": "silver", "shoe_size": 38},
		},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = p.Validate(custom)
	fmt.Println(err)

	if fe, ok := errors.AsType[*store.FieldError](err); ok {
		fmt.Println("ask again for:", fe.Field)
	}
	// Output:
	// custom.plan is not one of its options
	// custom.shoe_size is not defined: add it to Options.CustomFields
	// email is not an email address, such as ann@example.org
	// ask again for: custom.plan
}

func ExampleRepair() {
	name, _ := store.Repair(store.FieldName, "Ann\u202e\n👨‍👩‍👧 "+strings.Repeat("!", 1_000_000))
	fmt.Println(utf8.RuneCountInString(name), name[:3])

	locale, _ := store.Repair(store.FieldLocale, "pt-br")
	fmt.Println(locale)

	_, ok := store.Repair(store.FieldPicture, "https://api.telegram.org/file/bot123456:AAE-secret/photos/file_0.jpg")
	fmt.Println(ok)
	// Output:
	// 128 Ann
	// pt-BR
	// false
}
