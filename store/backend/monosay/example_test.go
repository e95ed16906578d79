package monosay_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
)

// The middleware makes the calls of Deliver; here they are made by hand, to a
// double of the service.
func Example() {
	service := monosaytest.New("token-of-the-channel", nil)
	srv := httptest.NewServer(service)
	defer srv.Close()

	b, err := monosay.New("token-of-the-channel", &monosay.Options{BaseURL: srv.URL, Channel: "telegram"})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	ann := store.Profile{
		Key:       store.Key{Channel: "telegram", UserID: "42"},
		Name:      "Ann Lee",
		GivenName: "Ann", FamilyName: "Lee", Username: "ann",
	}
	if _, err := b.Deliver(context.Background(), store.Delivery{Profile: ann, Fields: ann.Stated(), All: true}); err != nil {
		log.Fatal(err)
	}
	user, _ := service.User("42")
	fmt.Println(user.Name, user.Surname, user.UserName)

	ann.Username = "" // she gave it up
	if _, err := b.Deliver(context.Background(), store.Delivery{Profile: ann, Fields: []store.Field{store.FieldUsername}}); err != nil {
		log.Fatal(err)
	}
	body := service.Requests()[1].Body
	fmt.Println(len(body), string(body["userName"]))
	// Output:
	// Ann Lee ann
	// 2 null
}
