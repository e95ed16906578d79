package middleware_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// What a backend answers reaches OnSuccess in the backend's own type.
func TestOnSuccessGetsTheUserOfGenAuth(t *testing.T) {
	service := genauthtest.New(nil)
	server := httptest.NewServer(service)
	defer server.Close()
	b, err := genauth.New(service.AccessKeyID(), service.AccessKeySecret(), &genauth.Options{BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	told := make(chan middleware.Outcome, 10)
	mw, err := middleware.New(memstore.New(), &middleware.Options{
		Backends: backends(b),
		OnSuccess: func(_ context.Context, o middleware.Outcome) {
			if o.Target == b.Name() {
				told <- o
			}
		},
		OnFailure: func(_ context.Context, o middleware.Outcome, err error) {
			t.Errorf("%s failed at %s: %v", o.Key, o.Target, err)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := mw.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	next := func() middleware.Outcome {
		t.Helper()
		select {
		case o := <-told:
			return o
		case <-time.After(time.Minute):
			t.Fatal("OnSuccess was not told")
			return middleware.Outcome{}
		}
	}

	id := ""
	for second, name := range []string{"Ann", "Anna"} {
		mw.Observe(ann(second, name))
		o := next()
		u, ok := o.Remote.(*genauth.User)
		if !ok {
			t.Fatalf("Remote is a %T", o.Remote)
		}
		if id == "" {
			id = u.UserID
		}
		held, _ := service.Account(annKey.String())
		if o.Key != annKey || o.Result != middleware.Delivered || id == "" || u.UserID != id || u.UserID != held.Text("userId") ||
			u.ExternalID != annKey.String() || u.GivenName != name {
			t.Errorf("told %+v with the user %+v; GenAuth holds %v", o, u, held)
		}
	}

	if err := mw.Forget(t.Context(), annKey); err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	if o := next(); o.Result != middleware.Erased || o.Remote != nil {
		t.Errorf("told of the erasure %+v", o)
	}
}
