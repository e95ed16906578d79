package webhooktest_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/webhook"
	"github.com/rollcall-go/rollcall/store/backend/webhook/webhooktest"
)

// Tests of a bot deliver to the double, and look at what it holds.
func Example() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	service := webhooktest.New(secret)
	srv := httptest.NewServer(service)
	defer srv.Close()
	b, err := webhook.New(srv.URL, []string{secret}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	ann := store.Profile{Key: store.Key{Channel: "telegram", UserID: "42"}, Name: "Ann"}
	for range 2 { // the first answer was lost
		if _, err := b.Deliver(context.Background(), store.Delivery{Version: 1, Profile: ann, Fields: ann.Stated(), All: true}); err != nil {
			log.Fatal(err)
		}
	}
	person, _ := service.Person("telegram:42")
	fmt.Println(person["name"], service.Duplicates())
	// Output: Ann 1
}
