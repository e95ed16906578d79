package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// What is saved is there when the file is opened again. The middleware makes the
// deltas; here two are made by hand.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "users.db")
	ctx := context.Background()

	st, err := sqlitestore.Open(path)
	if err != nil {
		log.Fatal(err)
	}
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
	if err := st.Close(); err != nil {
		log.Fatal(err)
	}

	st, err = sqlitestore.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	for p, err := range st.List(ctx, store.Filter{Channel: "telegram"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Key, p.DisplayName(), p.LastSeen.Format(time.DateTime))
	}
	// Output:
	// created: true changed: [family_name given_name status]
	// created: false changed: [family_name]
	// telegram:42 Ann 2026-03-01 13:00:00
}

// A file that is not ours stays as it is, and the error says so.
func ExampleOpen_foreign() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(path, []byte("buy milk"), 0o600); err != nil {
		log.Fatal(err)
	}
	_, err = sqlitestore.Open(path)
	fmt.Println(errors.Is(err, sqlitestore.ErrForeign))
	// Output: true
}

// A backup is a file of its own, which is opened like any other.
func ExampleStore_Backup() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	st, err := sqlitestore.Open(filepath.Join(dir, "users.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	backup := filepath.Join(dir, "users-2026-03-01.db")
	fmt.Println(st.Backup(context.Background(), backup))
	err = st.Backup(context.Background(), backup)
	fmt.Println(errors.Is(err, os.ErrExist))
	// Output:
	// <nil>
	// true
}
