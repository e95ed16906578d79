package webhook_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/webhook"
)

// The middleware makes the calls of Deliver and Erase; here they are made by hand.
func Example() {
	secrets := []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}

	// The receiver, somewhere else.
	receiver, err := webhook.NewReceiver(secrets, nil)
	if err != nil {
		log.Fatal(err)
	}
	srv := httptest.NewServer(receiver.Handler(func(_ context.Context, e webhook.Event) error {
		fmt.Println(e.Type, e.Key, e.Profile.DisplayName(), e.Fields, e.Cleared)
		return nil
	}))
	defer srv.Close()

	// The sender, in the bot.
	b, err := webhook.New(srv.URL+"/hooks/rollcall", secrets, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	ctx := context.Background()
	ann := store.Profile{Key: store.Key{Channel: "telegram", UserID: "42"}, Name: "Ann"}
	receipt, err := b.Deliver(ctx, store.Delivery{Version: 1, Profile: ann, Fields: []store.Field{store.FieldName, store.FieldUsername}})
	if err != nil {
		log.Fatal(err)
	}
	if err := b.Erase(ctx, ann.Key, receipt.Remote); err != nil {
		log.Fatal(err)
	}
	// Output:
	// profile.updated telegram:42 Ann [name username] [username]
	// profile.erased telegram:42  [] []
}
