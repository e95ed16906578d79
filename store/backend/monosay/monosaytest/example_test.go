package monosaytest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
)

// Tests of a bot deliver to the double, and look at what it holds.
func Example() {
	service := monosaytest.New("token", nil)
	srv := httptest.NewServer(service)
	defer srv.Close()
	b, err := monosay.New("token", &monosay.Options{BaseURL: srv.URL})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	ann := store.Profile{Key: store.Key{Channel: "telegram", UserID: "42"}, Name: "Ann"}
	d := store.Delivery{Profile: ann, Fields: ann.Stated(), All: true}
	service.SetToken("a new token")
	_, err = b.Deliver(context.Background(), d)
	fmt.Println(errors.Is(err, store.ErrDenied), service.Denied())

	service.SetToken("token")
	if _, err := b.Deliver(context.Background(), d); err != nil {
		log.Fatal(err)
	}
	user, _ := service.User("telegram:42")
	fmt.Println(user.Name)
	// Output:
	// true 1
	// Ann
}
