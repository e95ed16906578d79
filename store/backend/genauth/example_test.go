package genauth_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

func Example() {
	service := genauthtest.New(nil) // in the place of https://api.genauth.ai
	service.Define(genauthtest.CustomField{Key: "telegramUsername", DataType: "STRING"})
	server := httptest.NewServer(service)
	defer server.Close()

	backend, err := genauth.New(service.AccessKeyID(), service.AccessKeySecret(), &genauth.Options{
		BaseURL: server.URL,
		Custom:  map[store.Field]string{store.FieldUsername: "telegramUsername"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Close()

	// The middleware does this, for everybody who has changed.
	profile := store.Profile{
		Key:       store.Key{Channel: "telegram", UserID: "42"},
		Name:      "Ann Berg",
		GivenName: "Ann", FamilyName: "Berg", Username: "annb",
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	receipt, err := backend.Deliver(ctx, store.Delivery{Profile: profile, Fields: profile.Stated(), All: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	user := receipt.Answer.(*genauth.User)
	fmt.Println(user.ExternalID, user.Username, user.Name)

	account, _ := service.Account("telegram:42")
	fmt.Println(account.Text("givenName"), account.Text("familyName"), account.Custom("telegramUsername"))
	// Output:
	// telegram:42 telegram_42 Ann Berg
	// Ann Berg annb
}

func ExampleNewUser() {
	service := genauthtest.New(nil)
	server := httptest.NewServer(service) // in the place of https://myapp.genauth.ai
	defer server.Close()
	ann := store.Key{Channel: "telegram", UserID: "42"}
	signedIn := map[store.Key]string{ann: service.SignIn(service.Put(genauthtest.Account{"email": "ann@example.org"}))}

	backend, err := genauth.NewUser(server.URL, service.AppID(), func(_ context.Context, key store.Key) (string, error) {
		token, ok := signedIn[key]
		if !ok {
			return "", store.ErrNotFound
		}
		return token, nil
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Close()

	for _, key := range []store.Key{ann, {Channel: "telegram", UserID: "43"}} {
		p := store.Profile{Key: key, Nickname: "Annie"}
		_, err := backend.Deliver(context.Background(), store.Delivery{Profile: p, Fields: p.Stated(), All: true})
		fmt.Println(key, err)
	}
	fmt.Println(service.Accounts()[0].Text("nickname"))
	// Output:
	// telegram:42 <nil>
	// telegram:43 genauth: deliver telegram:43: the person has no access token: invalid
	// Annie
}
