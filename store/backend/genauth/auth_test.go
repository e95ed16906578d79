package genauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

func TestATokenIsKeptUntilShortlyBeforeItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := genauthtest.New(nil)
		b := newBackend(t, s, nil)
		remote := deliver(t, b, first(b, everything)).Remote
		time.Sleep(7200*time.Second - 3*time.Minute)
		deliver(t, b, later(remote, everything, store.FieldNickname))
		if n := s.TokensIssued(); n != 1 {
			t.Errorf("%d tokens were issued", n)
		}
		time.Sleep(2 * time.Minute) // it is still good, but not for long
		deliver(t, b, later(remote, everything, store.FieldNickname))
		if n := s.TokensIssued(); n != 2 {
			t.Errorf("%d tokens were issued", n)
		}
	})
}

func TestAShortLivedTokenIsUsedAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := genauthtest.New(&genauthtest.Options{TokenLifetime: 10 * time.Second})
		b := newBackend(t, s, nil)
		deliver(t, b, first(b, everything))
		time.Sleep(4 * time.Second)
		deliver(t, b, first(b, everything))
		if n := s.TokensIssued(); n != 1 {
			t.Errorf("%d tokens were issued", n)
		}
	})
}

func TestConcurrentCallersGetOneToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := genauthtest.New(nil)
		b := newBackend(t, s, &genauth.Options{Transport: direct{hook{s, func(path string) {
			if path == "/api/v3/get-management-token" {
				time.Sleep(time.Second)
			}
		}}}})
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() {
				if err := b.Erase(t.Context(), ann, ""); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		s.ExpireTokens()
		for range 8 {
			running.Go(func() {
				if err := b.Erase(t.Context(), ann, ""); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if n := s.TokensIssued(); n != 2 {
			t.Errorf("%d tokens were issued", n)
		}
	})
}

func TestWaitingForATokenHeedsTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := genauthtest.New(nil)
		release := make(chan struct{})
		b := newBackend(t, s, &genauth.Options{Transport: direct{hook{s, func(string) { <-release }}}})
		var running sync.WaitGroup
		running.Go(func() { _ = b.Erase(t.Context(), ann, "") })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Erase(ctx, ann, ""); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrInvalid) {
			t.Errorf("the error is %v", err)
		}
		close(release)
		running.Wait()
	})
}

// The service may end a token before its time.
func TestATokenThatIsRefusedIsRenewedOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []bool{false, true} { // in HTTP too
		s := genauthtest.New(&genauthtest.Options{HTTPStatus: status})
		b := newBackend(t, s, nil)
		deliver(t, b, first(b, everything))
		s.ExpireTokens()
		deliver(t, b, first(b, everything))
		if n := s.TokensIssued(); n != 2 {
			t.Errorf("%d tokens were issued", n)
		}
		no := genauthtest.Failure{StatusCode: 401}
		s.Fail("/api/v3/get-user", no, no)
		if _, err := b.Deliver(t.Context(), first(b, everything)); !errors.Is(err, store.ErrDenied) {
			t.Errorf("the error is %v", err)
		}
		if n := s.TokensIssued(); n != 3 {
			t.Errorf("%d tokens were issued", n)
		}
	}
}

func TestWrongCredentialsDenyEverybody(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	for _, auth := range []genauth.Auth{genauth.ByToken, genauth.BySignature} {
		for _, keys := range [][2]string{{s.AccessKeyID(), "wr0ng-s3cret"}, {"wrong-id", s.AccessKeySecret()}} {
			b, err := genauth.New(keys[0], keys[1], &genauth.Options{BaseURL: "http://localhost", Transport: direct{s}, Auth: auth})
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.Deliver(t.Context(), first(b, everything))
			if !errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), keys[1]) {
				t.Errorf("the error is %v", err)
			}
		}
	}
	if len(s.Accounts()) > 0 {
		t.Errorf("there are %v", s.Accounts())
	}
}

// That the access key is refused as an argument is nobody's profile's fault.
func TestARefusedTokenRequestBlamesNoPerson(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, nil)
	s.Fail("/api/v3/get-management-token", genauthtest.Failure{StatusCode: 400})
	if _, err := b.Deliver(t.Context(), first(b, everything)); !errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrInvalid) {
		t.Errorf("the error is %v", err)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o      genauth.Options
		has    []string
		hasNot []string
		starts string
	}{
		{genauth.Options{}, []string{"X-Authing-Userpool-Id", "X-Authing-Lang"}, []string{"X-Genauth-Lang", "X-Authing-Signature-Nonce"}, "Bearer ey"},
		{genauth.Options{RawToken: true, Prefix: genauth.PrefixGenAuth}, []string{"X-Genauth-Userpool-Id", "X-Genauth-Lang"}, []string{"X-Authing-Lang"}, "ey"},
		{genauth.Options{Auth: genauth.BySignature}, []string{"X-Authing-Lang", "X-Authing-Signature-Nonce", "Date"}, []string{"X-Authing-Userpool-Id"}, "authing 6229"},
		{genauth.Options{Auth: genauth.BySignature, Prefix: genauth.PrefixGenAuth, UserPoolID: "6229ffaf0c1d4b2acade3e30"}, []string{"X-Genauth-Signature-Nonce", "X-Genauth-Userpool-Id"}, nil, "GenAuth 6229"},
	} {
		s := genauthtest.New(nil)
		b := newBackend(t, s, &c.o)
		deliver(t, b, first(b, everything))
		deliver(t, b, first(b, everything))
		var nonces []string
		for _, call := range s.Calls() {
			if call.Path == "/api/v3/get-management-token" {
				continue
			}
			for _, name := range c.has {
				if call.Header.Get(name) == "" {
					t.Errorf("%+v: %s has no %s", c.o, call.Path, name)
				}
			}
			for _, name := range c.hasNot {
				if call.Header.Get(name) != "" {
					t.Errorf("%+v: %s has %s", c.o, call.Path, name)
				}
			}
			if a := call.Header.Get("Authorization"); !strings.HasPrefix(a, c.starts) {
				t.Errorf("%+v: %s has the authorization %s", c.o, call.Path, a)
			}
			for _, name := range []string{"X-Authing-Signature-Nonce", "X-Genauth-Signature-Nonce"} {
				if nonce := call.Header.Get(name); nonce != "" && slices.Contains(nonces, nonce) {
					t.Errorf("a nonce is used twice")
				} else {
					nonces = append(nonces, nonce)
				}
			}
		}
	}
}

// roundTrip is a transport that notes where a request goes, and answers nothing.
type roundTrip func(*http.Request)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return nil, errors.New("no network here")
}

func TestThePrefixIsThatOfTheHost(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"":                          "X-Genauth-Signature-Nonce",
		genauth.GenAuthURL:          "X-Genauth-Signature-Nonce",
		genauth.AuthingURL:          "X-Authing-Signature-Nonce",
		"https://id.example.org":    "X-Authing-Signature-Nonce",
		"https://notgenauth.ai":     "X-Authing-Signature-Nonce",
		"https://api.genauth.ai/v":  "X-Genauth-Signature-Nonce",
		"https://eu.api.genauth.ai": "X-Genauth-Signature-Nonce",
	} {
		sent := http.Header{}
		b, err := genauth.New("id", "secret", &genauth.Options{
			BaseURL: base, Auth: genauth.BySignature, Transport: roundTrip(func(r *http.Request) { sent = r.Header }),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Deliver(t.Context(), first(b, everything)); err == nil || sent.Get(want) == "" {
			t.Errorf("%s gets %v", base, sent)
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]genauth.Options{
		"prefix":                {Prefix: "x"},
		"auth":                  {Auth: 7},
		"clearing":              {Clearing: 7},
		"pool":                  {UserPoolID: "a\r\nb"},
		"name":                  {Name: "Gen Auth"},
		"plain http":            {BaseURL: "http://example.org"},
		"no address":            {BaseURL: "://"},
		"custom, no field":      {Custom: map[store.Field]string{"telephone": "a"}},
		"custom, a place":       {Custom: map[store.Field]string{store.FieldEmail: "a"}},
		"custom, company":       {Company: tier, Custom: map[store.Field]string{tier: "a"}},
		"custom, username":      {FollowUsername: true, Custom: map[store.Field]string{store.FieldUsername: "a"}},
		"custom, no key":        {Custom: map[store.Field]string{tier: ""}},
		"custom, a number":      {Custom: map[store.Field]string{tier: "42"}},
		"custom, __proto__":     {Custom: map[store.Field]string{tier: "__proto__"}},
		"custom, a long key":    {Custom: map[store.Field]string{tier: strings.Repeat("a", 65)}},
		"custom, one key twice": {Custom: map[store.Field]string{tier: "a", age: "a"}},
		"company":               {Company: store.FieldName},
		"identity number":       {IdentityNumber: "telephone"},
		"identity, an email":    {IdentityNumber: store.FieldEmail},
	} {
		if _, err := genauth.New("id", "secret", &o); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	for _, keys := range [][2]string{{"", "s"}, {"id", ""}, {"i d", "s"}} {
		if _, err := genauth.New(keys[0], keys[1], nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: the error is %v", keys, err)
		}
	}
	if _, err := genauth.New("id", "secret", nil); err != nil {
		t.Error(err)
	}
}
