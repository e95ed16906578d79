package genauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// direct calls a handler without a network, so that it works with synctest's clock.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// newBackend makes a backend for the service. o is changed.
func newBackend(t *testing.T, s *genauthtest.Service, o *genauth.Options) *genauth.Backend {
	t.Helper()
	if o == nil {
		o = &genauth.Options{}
	}
	if o.Transport == nil {
		o.Transport = direct{s}
	}
	o.BaseURL = "http://localhost"
	b, err := genauth.New(s.AccessKeyID(), s.AccessKeySecret(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var ann = store.Key{Channel: "telegram", UserID: "42"}

// person makes a profile of Ann.
func person(set map[store.Field]string) store.Profile {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return store.Patch{Key: ann, Source: store.Observed, At: at, Set: set}.Record().Profile()
}

// first is the first delivery of somebody.
func first(b store.Backend, set map[store.Field]string) store.Delivery {
	p := person(set)
	fields := slices.DeleteFunc(p.Stated(), func(f store.Field) bool { return !b.Traits().Takes(f) })
	return store.Delivery{Profile: p, Fields: fields, All: true, Attempt: 1}
}

// later is a delivery of changed fields.
func later(remote string, set map[store.Field]string, changed ...store.Field) store.Delivery {
	slices.Sort(changed)
	return store.Delivery{Profile: person(set), Fields: changed, Remote: remote, Attempt: 1}
}

func deliver(t *testing.T, b store.Backend, d store.Delivery) store.Receipt {
	t.Helper()
	receipt, err := b.Deliver(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func account(t *testing.T, s *genauthtest.Service) genauthtest.Account {
	t.Helper()
	a, ok := s.Account(ann.String())
	if !ok {
		t.Fatalf("there is no account of %s", ann)
	}
	return a
}

// asked returns the paths that the service was asked for.
func asked(s *genauthtest.Service) []string {
	var paths []string
	for _, c := range s.Calls() {
		paths = append(paths, c.Path[len("/api/v3/"):])
	}
	return paths
}

// A hook stands before the service and may answer in its place, or do something
// meanwhile.
type hook struct {
	*genauthtest.Service
	before func(path string)
}

func (h hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.before(r.URL.Path)
	h.Service.ServeHTTP(w, r)
}

func noTokens(context.Context, store.Key) (string, error) { return "", store.ErrNotFound }
