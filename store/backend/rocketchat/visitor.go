package rocketchat

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// Visitors keeps people as visitors of a server's Livechat. Make one with
// [NewVisitor].
//
// A visitor is known by a token, and whoever has the token may speak as the
// visitor and read what was written to them. So it is not the channelUserId, but
// made of it with a secret.
//
// Visitors of one email address or phone number are one to the server, unless it
// knows the token already. So a person is always registered by the token alone
// before their address is told, and never becomes somebody else: that costs
// two of the 5 calls a minute that a server allows.
//
// That a second registration with a token changes the first is what the server's
// source does (apps/meteor/app/livechat/server/lib); its documentation does not
// promise it. Values can be changed, but not taken away again.
type Visitors struct {
	name   string
	call   *caller
	secret []byte
	custom customMap
}

var _ store.Eraser = (*Visitors)(nil)

// VisitorOptions are the settings of Visitors. BaseURL must be set; all else may
// be left zero.
type VisitorOptions struct {
	// BaseURL is where the server is, such as "https://chat.example.com".
	BaseURL string
	// Name is the backend's name. "": "rocketchat-visitors".
	Name string
	// Insecure and Transport are those of [rest.Options].
	Insecure  bool
	Transport http.RoundTripper
	// Custom maps fields to the keys of Livechat's custom fields of scope
	// visitor. All values are sent as text.
	Custom map[store.Field]string
}

// minSecret is how long a secret must be, in bytes.
const minSecret = 16

// NewVisitor returns a backend that registers people as visitors of Livechat.
// secret is any text of 16 bytes and more that nobody can guess. It must stay
// the same, or everybody becomes a new visitor. VisitorOptions.BaseURL must be
// set. The error wraps store.ErrInvalid and says what to change.
func NewVisitor(secret string, o *VisitorOptions) (*Visitors, error) {
	if o == nil {
		o = &VisitorOptions{}
	}
	switch {
	case len(secret) < minSecret:
		return nil, fmt.Errorf("rocketchat: give a secret of %d bytes or more, and keep it: %w", minSecret, store.ErrInvalid)
	case o.BaseURL == "":
		return nil, fmt.Errorf("rocketchat: set VisitorOptions.BaseURL to the address of the server: %w", store.ErrInvalid)
	}
	v := &Visitors{name: cmp.Or(o.Name, "rocketchat-visitors"), secret: []byte(secret)}
	var err error
	if v.custom, err = newCustomMap(o.Custom, ""); err != nil {
		return nil, err
	}
	v.call, err = newCaller(o.BaseURL, &rest.Options{
		Header: http.Header{"User-Agent": {userAgent}}, Insecure: o.Insecure, Transport: o.Transport,
	})
	if err != nil {
		return nil, err
	}
	if err := store.ValidateBackend(v); err != nil {
		return nil, fmt.Errorf("rocketchat: %w", err)
	}
	return v, nil
}

// Name returns VisitorOptions.Name.
func (v *Visitors) Name() string { return v.name }

// Close closes the connections that wait for another call.
func (v *Visitors) Close() { v.call.client.Close() }

// Traits returns what Livechat can do: it changes single fields, and keeps what
// it was told. One delivery runs at a time: of several, each would spend one of
// the few calls on the first half of a person, and no call would be left for the
// second half of anybody.
func (v *Visitors) Traits() store.Traits {
	return store.Traits{Takes: v.takes, CannotClear: true, InFlight: 1, Timeout: 30 * time.Second}
}

func (v *Visitors) takes(f store.Field) bool {
	switch f {
	case store.FieldName, store.FieldEmail, store.FieldPhoneNumber:
		return true
	}
	return v.custom.takes(f)
}

// Token returns the token of a person's visitor, for opening rooms and sending
// messages as them. It is a credential: keep it out of logs.
func (v *Visitors) Token(key store.Key) string {
	mac := hmac.New(sha256.New, v.secret)
	mac.Write([]byte("rollcall visitor " + key.String()))
	return hex.EncodeToString(mac.Sum(nil))
}

// A Visitor is what the server tells of one. The hooks get it as a *Visitor in
// Outcome.Remote. The token is left out: [Visitors.Token] has it.
type Visitor struct {
	ID       string `json:"_id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	// Custom holds the values of custom fields, each as its JSON.
	Custom map[string]json.RawMessage `json:"livechatData"`
}

type visitorBody struct {
	Visitor visitorData `json:"visitor"`
}

type visitorData struct {
	Token  string          `json:"token"`
	Name   string          `json:"name,omitempty"`
	Email  string          `json:"email,omitempty"`
	Phone  string          `json:"phone,omitempty"`
	Custom []visitorCustom `json:"customFields,omitempty"`
}

type visitorCustom struct {
	Key       string `json:"key"`
	Value     string `json:"value"`
	Overwrite bool   `json:"overwrite"`
}

// Deliver registers one person, or brings their visitor up to date. The
// Receipt's Answer is a *[Visitor].
//
// A custom field that the server drops holds up nothing else: the error wraps
// store.ErrInvalid and says so, and the Receipt's Refused names it.
func (v *Visitors) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	visitor, err := v.deliver(ctx, d)
	r := receipt(visitor.ID, &visitor, err)
	if err != nil {
		err = fmt.Errorf("rocketchat: deliver %s as visitor: %w", d.Profile.Key, err)
	}
	return r, err
}

// deliver also returns the visitor beside an error, once there is one.
func (v *Visitors) deliver(ctx context.Context, d store.Delivery) (Visitor, error) {
	p := d.Profile
	data := visitorData{Token: v.Token(p.Key)}
	if d.Has(store.FieldName) {
		data.Name = p.Name
	}
	if d.Has(store.FieldEmail) {
		data.Email = p.Email
	}
	if d.Has(store.FieldPhoneNumber) {
		data.Phone = p.PhoneNumber
	}
	for _, pair := range v.custom {
		if value := text(p, pair.field); d.Has(pair.field) && value != "" {
			data.Custom = append(data.Custom, visitorCustom{Key: pair.key, Value: value, Overwrite: true})
		}
	}
	var visitor Visitor
	var err error
	if data.Email != "" || data.Phone != "" {
		if visitor, err = v.register(ctx, visitorData{Token: data.Token, Name: data.Name}); err != nil {
			return Visitor{}, err
		}
	}
	registered, err := v.register(ctx, data)
	if err != nil {
		return visitor, err
	}
	sent := make(customFields, len(data.Custom))
	for _, c := range data.Custom {
		sent[c.Key] = quote(c.Value)
	}
	var m missing
	v.custom.dropped(&m, sent, registered.Custom)
	return registered, m.err()
}

// register makes the visitor with this token, or changes it.
func (v *Visitors) register(ctx context.Context, data visitorData) (Visitor, error) {
	const route = "livechat/visitor"
	var answer struct {
		Visitor struct {
			Visitor
			Token string `json:"token"`
		} `json:"visitor"`
	}
	err := v.call.do(ctx, route, rest.Request{Method: http.MethodPost, Path: route, Body: visitorBody{data}}, &answer)
	switch got := answer.Visitor; {
	case err != nil:
		return Visitor{}, err
	case got.ID == "", got.Token != data.Token:
		return Visitor{}, fmt.Errorf("%s answered with another visitor: %w", v.call.client.Host(), store.ErrUnavailable)
	}
	return answer.Visitor.Visitor, nil
}

// Erase removes the visitor of a person, and with it their rooms and all that
// was written there. That there is no such visitor is no error. Errors are those
// of package rest; while one of those rooms is open the server refuses, with one
// that is tried again later.
func (v *Visitors) Erase(ctx context.Context, key store.Key, _ string) error {
	const route = "livechat/visitor/:token"
	path := "livechat/visitor/" + url.PathEscape(v.Token(key))
	err := v.call.do(ctx, route, rest.Request{Method: http.MethodDelete, Path: path}, nil)
	if err == nil || code(err) == codeNoVisitor {
		return nil
	}
	return fmt.Errorf("rocketchat: erase %s as visitor: %w", key, err)
}
