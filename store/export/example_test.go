package export_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/export"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// somebody keeps two people, of whom one chose a formula for a name.
func somebody(ctx context.Context) *memstore.Store {
	st := memstore.New()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_, err := st.Apply(ctx, []store.Record{
		store.Patch{
			Key: store.Key{Channel: "telegram", UserID: "42"}, At: at,
			Set: map[store.Field]string{store.FieldName: "Ann, of course", store.CustomKey("tier"): `"gold"`},
		}.Record(),
		store.Patch{
			Key: store.Key{Channel: "telegram", UserID: "43"}, At: at,
			Set: map[store.Field]string{store.FieldName: `=HYPERLINK("https://example.org")`, store.FieldPhoneNumber: "+14155552671"},
		}.Record(),
	})
	if err != nil {
		fmt.Println(err)
	}
	return st
}

func ExampleCSV() {
	ctx := context.Background()
	st := somebody(ctx)
	n, err := export.CSV(os.Stdout, st.List(ctx, store.Filter{}), &export.CSVOptions{
		Columns: []store.Field{
			export.ChannelUserID, store.FieldName, store.FieldPhoneNumber, store.CustomKey("tier"), export.FirstSeen,
		},
	})
	fmt.Println(n, err)
	// Output:
	// channel_user_id,name,phone_number,custom.tier,first_seen
	// telegram:42,"Ann, of course",,gold,2026-03-01T12:00:00Z
	// telegram:43,"'=HYPERLINK(""https://example.org"")",'+14155552671,,2026-03-01T12:00:00Z
	// 2 <nil>
}

func ExampleJSON() {
	ctx := context.Background()
	st := somebody(ctx)
	n, err := export.JSON(os.Stdout, st.List(ctx, store.Filter{}))
	fmt.Println(n, err)
	// Output:
	// {"channel":"telegram","user_id":"42","name":"Ann, of course","status":"active","custom":{"tier":"gold"},"first_seen":"2026-03-01T12:00:00Z","last_seen":"2026-03-01T12:00:00Z"}
	// {"channel":"telegram","user_id":"43","name":"=HYPERLINK(\"https://example.org\")","phone_number":"+14155552671","status":"active","first_seen":"2026-03-01T12:00:00Z","last_seen":"2026-03-01T12:00:00Z"}
	// 2 <nil>
}

func ExampleUnescape() {
	fmt.Println(export.Unescape("'+14155552671"), export.Unescape("'Ann'"))
	// Output: +14155552671 'Ann'
}
