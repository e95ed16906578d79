package prove_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
	"github.com/rollcall-go/rollcall/store/backend/webhook"
	"github.com/rollcall-go/rollcall/store/backend/webhook/webhooktest"
)

const (
	hookSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	visitorSecret = canary + " secret of visitors"
	localBase     = "http://localhost"
)

// systems are the services of all backends, and what they keep secret.
type systems struct {
	monosay  *monosaytest.Service
	genauth  *genauthtest.Service
	chat     *rocketchattest.Service
	hook     *webhooktest.Service
	backends []store.Backend
	secrets  []string
	honest   atomic.Bool
}

// newSystems has through stand before each service. It may misbehave until it is to
// be honest.
func newSystems(t *testing.T, through func(service http.Handler, honest func() bool) http.RoundTripper) *systems {
	t.Helper()
	const token = canary + "-monosay-token"
	s := &systems{
		monosay: monosaytest.New(token, nil), genauth: genauthtest.New(nil), hook: webhooktest.New(hookSecret),
		chat: rocketchattest.New(&rocketchattest.Options{
			Password: canary + "-password", CustomFields: map[string]rocketchattest.CustomField{"tier": {}}, VisitorFields: []string{"tier"},
		}),
	}
	s.genauth.Define(genauthtest.CustomField{Key: "tier", DataType: "STRING"})
	s.secrets = []string{token, s.genauth.AccessKeySecret(), s.chat.Token(), hookSecret, hookSecret[6:], visitorSecret}
	add := func(b store.Backend, err error) {
		if err != nil {
			t.Fatal(err)
		}
		s.backends = append(s.backends, b)
	}
	before := func(service http.Handler) http.RoundTripper { return through(service, s.honest.Load) }
	tier := map[store.Field]string{store.CustomKey("tier"): "tier"}
	m, err := monosay.New(token, &monosay.Options{BaseURL: localBase, Transport: before(s.monosay)})
	add(m, err)
	g, err := genauth.New(s.genauth.AccessKeyID(), s.genauth.AccessKeySecret(), &genauth.Options{
		BaseURL: localBase, Transport: before(s.genauth), Custom: tier,
	})
	add(g, err)
	u, err := genauth.NewUser(localBase, s.genauth.AppID(), s.signIn, &genauth.UserOptions{Transport: before(s.genauth), Custom: tier})
	add(u, err)
	c, err := rocketchat.New(s.chat.UserID(), s.chat.Token(), &rocketchat.Options{
		BaseURL: localBase, Transport: before(s.chat), Password: canary + "-password", Custom: tier,
	})
	add(c, err)
	v, err := rocketchat.NewVisitor(visitorSecret, &rocketchat.VisitorOptions{BaseURL: localBase, Transport: before(s.chat), Custom: tier})
	add(v, err)
	w, err := webhook.New(localBase+"/"+canary+"?key="+canary, []string{hookSecret}, &webhook.Options{Batch: 5, Transport: before(s.hook)})
	add(w, err)
	return s
}

// signIn is a genauth.TokenSource of people who have an account by now.
func (s *systems) signIn(_ context.Context, key store.Key) (string, error) {
	account, ok := s.genauth.Account(key.String())
	if !ok {
		return "", store.ErrNotFound
	}
	return s.genauth.SignIn(account["userId"].(string)), nil
}

func (s *systems) tellTheTruth() { s.honest.Store(true) }
