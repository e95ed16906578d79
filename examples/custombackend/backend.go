package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// Contacts delivers to an address book, of which names has the words for ours.
type Contacts struct{ client *rest.Client }

var names = map[store.Field]string{store.FieldName: "full_name", store.FieldUsername: "handle", store.FieldEmail: "mail"}

func NewContacts(baseURL, token string) (*Contacts, error) {
	client, err := rest.New(baseURL, &rest.Options{Header: http.Header{"Authorization": {"Bearer " + token}}})
	return &Contacts{client}, err
}

func (c *Contacts) Name() string         { return "contacts" }
func (c *Contacts) Traits() store.Traits { return store.Traits{Takes: takes} }
func takes(f store.Field) bool           { return names[f] != "" }

func (c *Contacts) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	changes := make(map[string]string, len(d.Fields)) // "" clears, what is not there stays
	for _, f := range d.Fields {
		changes[names[f]] = d.Profile.Value(f)
	}
	return store.Receipt{}, c.call(ctx, http.MethodPatch, d.Profile.Key, changes)
}

func (c *Contacts) Erase(ctx context.Context, key store.Key, _ string) error {
	return c.call(ctx, http.MethodDelete, key, nil)
}

func (c *Contacts) call(ctx context.Context, method string, key store.Key, body any) error {
	answer, err := c.client.Call(ctx, rest.Request{Method: method, Path: "contacts/" + url.PathEscape(key.String()), Body: body})
	var reply struct{ Done bool }
	if err == nil && (answer.Decode(&reply) != nil || !reply.Done) { // a sign-in page says 200 as well
		err = answer.RefusalAs(store.ErrUnavailable, "")
	}
	if err != nil {
		return fmt.Errorf("contacts: %s %s: %w", method, key, err)
	}
	return nil
}
