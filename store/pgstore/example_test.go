package pgstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
)

// The pool is the bot's. DATABASE_URL names the server, such as
// postgres://bot:password@db.example.org/bot?pool_max_conns=8. It prints:
//
//	created: true changed: [family_name given_name status]
//	created: false changed: [family_name]
//	telegram:42 Ann
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	st, err := pgstore.New(ctx, pool, &pgstore.Options{Schema: os.Getenv("BOT_SCHEMA")})
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()

	// The middleware makes the deltas; here two are made by hand.
	ann := store.Key{Channel: "telegram", UserID: "42"}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	changes, err := st.Apply(ctx, []store.Record{
		store.Patch{Key: ann, At: at, Set: map[store.Field]string{"given_name": "Ann", "family_name": "Lee"}}.Record(),
		store.Patch{Key: ann, At: at.Add(time.Hour), Clear: []store.Field{"family_name"}}.Record(),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range changes {
		fmt.Println("created:", c.Created, "changed:", c.Fields)
	}
	for p, err := range st.List(ctx, store.Filter{Channel: "telegram"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Key, p.DisplayName())
	}
}
