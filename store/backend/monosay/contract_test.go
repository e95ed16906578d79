package monosay_test

import (
	"context"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
	"github.com/rollcall-go/rollcall/store/backendtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	same := []backendtest.Option{backendtest.SkipFaults("the call is made and answered as by default")}
	for name, c := range map[string]struct {
		options monosay.Options
		service monosaytest.Options
		suite   []backendtest.Option
	}{
		"by default": {},
		"number ids": {suite: same, options: monosay.Options{Channel: "telegram", NumberIDs: true}, service: monosaytest.Options{DistinctIDs: true}},
		"a replacing service": {
			suite:   same,
			options: monosay.Options{Replaces: true},
			service: monosaytest.Options{ForgetsOmitted: true, NewStatus: 200},
		},
		"empty clears": {
			suite:   same,
			options: monosay.Options{Channel: "telegram", ClearWithEmpty: true},
			service: monosaytest.Options{KeepsNull: true, RefusedStatus: 422, DeniedStatus: 403},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backendtest.Run(t, func(t *testing.T) backendtest.Fixture {
				service := monosaytest.New(token, &c.service)
				said := &listener{given: make(map[store.Key]bool), name: make(map[store.Key]string)}
				id := func(key store.Key) string {
					switch {
					case c.service.DistinctIDs:
						return "#" + key.UserID
					case c.options.Channel != "":
						return key.UserID
					}
					return key.String()
				}
				return backendtest.Fixture{
					Backend: func(baseURL string) (store.Backend, error) {
						o := c.options
						o.BaseURL = baseURL
						b, err := monosay.New(token, &o)
						if err != nil {
							return nil, err
						}
						t.Cleanup(b.Close)
						return listening{b, said}, nil
					},
					Double:  service,
					Holds:   func(key store.Key) (map[store.Field]string, bool) { return said.holds(service, key, id(key)) },
					Count:   func() int { return len(service.Users()) },
					Secrets: []string{token},
				}
			}, c.suite...)
		})
	}
}

// A listener knows what was delivered and has no place there: Monosay has one for
// the given name and the whole name, which does not tell which of them it holds.
type listener struct {
	mu    sync.Mutex
	given map[store.Key]bool
	name  map[store.Key]string
}

func (l *listener) holds(service *monosaytest.Service, key store.Key, id string) (map[store.Field]string, bool) {
	u, ok := service.User(id)
	if !ok {
		return nil, false
	}
	fields := map[store.Field]string{
		store.FieldName:       u.Name,
		store.FieldFamilyName: u.Surname,
		store.FieldUsername:   u.UserName,
		store.FieldPicture:    u.ProfilePhotoURL,
		store.FieldEmail:      u.Email,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.given[key] {
		fields[store.FieldGivenName], fields[store.FieldName] = u.Name, l.name[key]
	}
	return fields, true
}

type listening struct {
	*monosay.Backend
	said *listener
}

func (b listening) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	b.said.mu.Lock()
	b.said.given[d.Profile.Key] = d.Profile.GivenName != ""
	if d.Has(store.FieldName) {
		b.said.name[d.Profile.Key] = d.Profile.Name
	}
	b.said.mu.Unlock()
	return b.Backend.Deliver(ctx, d)
}
