package rocketchat_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

// direct carries requests to a handler without a network, so that time can be
// made to stand still.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.RemoteAddr = "192.0.2.1:1"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// open returns a backend that speaks to handler as the account of service.
func open(t testing.TB, service *rocketchattest.Service, handler http.Handler, o rocketchat.Options) *rocketchat.Backend {
	t.Helper()
	o.BaseURL, o.Transport = "https://chat.example.com", direct{handler}
	b, err := rocketchat.New(service.UserID(), service.Token(), &o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var ann = store.Key{Channel: "telegram", UserID: "42"}

// whole is the first delivery of p.
func whole(p store.Profile, b store.Backend) store.Delivery {
	d := store.Delivery{Profile: p, All: true, Attempt: 1}
	for _, f := range p.Stated() {
		if b.Traits().Takes(f) {
			d.Fields = append(d.Fields, f)
		}
	}
	return d
}

func deliver(t testing.TB, b store.Backend, d store.Delivery) store.Receipt {
	t.Helper()
	r, err := b.Deliver(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fails wants an error that wraps kind, whose text has each of words and no
// secret.
func fails(t testing.TB, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("the error is %v; want one that wraps %q", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error is %q; want %q in it", err, w)
		}
	}
}

func user(t testing.TB, service *rocketchattest.Service) rocketchattest.User {
	t.Helper()
	u, ok := service.User("telegram_42")
	if !ok {
		t.Fatal("there is no telegram_42")
	}
	return u
}

// routes are the endpoints that were called, in order.
func routes(service *rocketchattest.Service) string {
	var all []string
	for _, c := range service.Calls() {
		all = append(all, c.Route)
	}
	return strings.Join(all, " ")
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	const address = "https://chat.example.com"
	for want, o := range map[string]*rocketchat.Options{
		"BaseURL":              nil,
		"leave /api/v1 out":    {BaseURL: address + "/api/v1/"},
		"EmailDomain":          {BaseURL: address, EmailDomain: "a b.example"},
		"begins with role":     {BaseURL: address, Custom: map[store.Field]string{store.FieldLocale: "Roles"}},
		"is no field":          {BaseURL: address, Custom: map[store.Field]string{"shoe size": "size"}},
		"not made of":          {BaseURL: address, Custom: map[store.Field]string{store.FieldLocale: "a.b"}},
		"0-9 a-z A-Z - and _":  {BaseURL: address, Custom: map[store.Field]string{store.FieldLocale: "__proto__"}},
		"something else":       {BaseURL: address, Custom: map[store.Field]string{store.FieldLocale: "x", store.FieldGender: "x"}},
		"used for something":   {BaseURL: address, KeyField: "key", Custom: map[store.Field]string{store.FieldLocale: "key"}},
		"KeyField begins with": {BaseURL: address, KeyField: "role"},
		"needs KeyField":       {BaseURL: address, Emails: true},
		"plain http":           {BaseURL: "http://chat.example.com"},
		"its name":             {BaseURL: address, Name: "Rocket Chat"},
	} {
		_, err := rocketchat.New("id", "token", o)
		fails(t, err, store.ErrInvalid, want)
	}
	for _, pair := range [][2]string{{"", "token"}, {"id", ""}, {"id", "two\r\nlines"}} {
		_, err := rocketchat.New(pair[0], pair[1], &rocketchat.Options{BaseURL: address})
		fails(t, err, store.ErrInvalid, "personal access token")
	}
	_, err := rocketchat.NewVisitor("short", &rocketchat.VisitorOptions{BaseURL: address})
	fails(t, err, store.ErrInvalid, "16 bytes")
	_, err = rocketchat.NewVisitor(secret, nil)
	fails(t, err, store.ErrInvalid, "BaseURL")
	_, err = rocketchat.NewVisitor(secret, &rocketchat.VisitorOptions{BaseURL: address, Custom: map[store.Field]string{store.FieldLocale: ""}})
	fails(t, err, store.ErrInvalid, "not made of")
}

func TestTakesWhatHasAPlaceThere(t *testing.T) {
	service := rocketchattest.New(nil)
	has := func(o rocketchat.Options, f store.Field) bool { return open(t, service, service, o).Traits().Takes(f) }
	for _, f := range store.Fields() {
		want := f == store.FieldName || f == store.FieldNickname || f == store.FieldBio
		if got := has(rocketchat.Options{}, f); got != want {
			t.Errorf("by default it takes %s: %v", f, got)
		}
		if !has(rocketchat.Options{Custom: map[store.Field]string{f: "x"}}, f) {
			t.Errorf("it does not take %s, which is mapped", f)
		}
	}
	if !has(rocketchat.Options{Pictures: true}, store.FieldPicture) || !has(rocketchat.Options{Emails: true, KeyField: "k"}, store.FieldEmail) {
		t.Error("it does not take what an option asks for")
	}
}
