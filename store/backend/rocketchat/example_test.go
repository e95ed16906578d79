package rocketchat_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

// The middleware calls Deliver. A test of a bot may do so too.
func Example() {
	service := rocketchattest.New(&rocketchattest.Options{
		CustomFields: map[string]rocketchattest.CustomField{"plan": {Type: "text"}},
	})
	server := httptest.NewServer(service)
	defer server.Close()

	b, err := rocketchat.New(service.UserID(), service.Token(), &rocketchat.Options{
		BaseURL: server.URL,
		Custom:  map[store.Field]string{store.CustomKey("plan"): "plan"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()

	person := store.Profile{
		Key: store.Key{Channel: "telegram", UserID: "42"}, Name: "Ann <3", Bio: "I like tea",
		Custom: map[string]any{"plan": "gold"},
	}
	_, err = b.Deliver(context.Background(), store.Delivery{
		Profile: person, All: true,
		Fields: []store.Field{store.FieldBio, store.CustomKey("plan"), store.FieldName},
	})
	user, _ := service.User("telegram_42")
	fmt.Println(user.Username, user.Emails[0].Address, user.Name, user.Bio, user.CustomFields, err)

	err = b.Erase(context.Background(), person.Key, "")
	fmt.Println(len(service.Users()), err)
	// Output:
	// telegram_42 telegram_42@rollcall.invalid Ann ＜3 I like tea map[plan:gold] <nil>
	// 0 <nil>
}

// Visitors are people who write to a company's Livechat, not members of its
// workspace.
func ExampleNewVisitor() {
	service := rocketchattest.New(nil)
	server := httptest.NewServer(service)
	defer server.Close()

	b, err := rocketchat.NewVisitor("thirty-two bytes from a safe place", &rocketchat.VisitorOptions{BaseURL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()

	key := store.Key{Channel: "telegram", UserID: "42"}
	_, err = b.Deliver(context.Background(), store.Delivery{
		Profile: store.Profile{Key: key, Name: "Ann", PhoneNumber: "+14155552671"}, All: true,
		Fields: []store.Field{store.FieldName, store.FieldPhoneNumber},
	})
	visitor, _ := service.Visitor(b.Token(key))
	fmt.Println(visitor.Name, visitor.Phone, err)
	// Output: Ann +14155552671 <nil>
}
