package prove_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/webhook"
)

// Each backend as its New makes it, without a Transport, before a server whose
// certificate nobody vouches for. Nothing is asked of it, so that no token and no name
// is shown.
func TestNoBackendTrustsAForgedServer(t *testing.T) {
	t.Attr("promise", "TLS: no backend shows anything to a server that nobody vouches for")
	var met, asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		met.Add(1)
		return nil, nil // as it is
	}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	all := backendsOf(t, server.URL)
	for i, b := range all {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := b.Deliver(ctx, firstDelivery(b))
		cancel()
		if !errors.Is(err, store.ErrDenied) || int(met.Load()) <= i {
			t.Errorf("%s: Deliver = %v, and %d shook hands", b.Name(), err, met.Load())
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the server was asked %d times", n)
	}
	t.Attr("figure", fmt.Sprintf("%d backends, 0 requests", len(all)))
}

// backendsOf are all, at base, with the transports that they have of their own.
func backendsOf(t *testing.T, base string) (all []store.Backend) {
	t.Helper()
	token := func(context.Context, store.Key) (string, error) { return "token", nil }
	m, err := monosay.New("token", &monosay.Options{BaseURL: base})
	g, err2 := genauth.New("id", "secret", &genauth.Options{BaseURL: base})
	signed, err3 := genauth.New("id", "secret", &genauth.Options{BaseURL: base, Auth: genauth.BySignature, Name: "genauth-signed"})
	u, err4 := genauth.NewUser(base, "app", token, nil)
	c, err5 := rocketchat.New("user", "token", &rocketchat.Options{BaseURL: base})
	v, err6 := rocketchat.NewVisitor(visitorSecret, &rocketchat.VisitorOptions{BaseURL: base})
	w, err7 := webhook.New(base+"/hook", []string{hookSecret}, nil)
	if err := errors.Join(err, err2, err3, err4, err5, err6, err7); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, b := range all {
			b.(interface{ Close() }).Close()
		}
	})
	return []store.Backend{m, g, signed, u, c, v, w}
}

// firstDelivery is of somebody with a name.
func firstDelivery(b store.Backend) store.Delivery {
	d := store.Delivery{
		Profile: store.Profile{Key: forgottenKey, Name: "Ann Lee", GivenName: "Ann", FamilyName: "Lee"},
		All:     true, Attempt: 1, Version: 1,
	}
	for _, f := range d.Profile.Stated() {
		if takes := b.Traits().Takes; takes == nil || takes(f) {
			d.Fields = append(d.Fields, f)
		}
	}
	return d
}
