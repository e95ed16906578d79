package natsstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

func Example() {
	ctx := context.Background()
	nc, err := nats.Connect(nats.DefaultURL, nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	st, err := natsstore.New(ctx, js, &natsstore.Options{
		SyncAlways: true, // as nats-server.conf says
		Replicas:   3,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()

	ann := store.Key{Channel: "telegram", UserID: "42"}
	seen := store.Patch{Key: ann, At: time.Now(), Set: map[store.Field]string{store.FieldGivenName: "Ann"}}
	changes, err := st.Apply(ctx, []store.Record{seen.Record()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(changes[0].Profile.DisplayName())
}

// Nothing is opened before somebody says how the server treats the disk.
func ExampleNew() {
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	_, err = natsstore.New(context.Background(), js, nil)
	fmt.Println(errors.Is(err, natsstore.ErrSyncUnconfirmed))
	// Output: true
}
