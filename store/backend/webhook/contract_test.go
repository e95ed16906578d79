package webhook_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/webhook"
	"github.com/rollcall-go/rollcall/store/backend/webhook/webhooktest"
	"github.com/rollcall-go/rollcall/store/backendtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // of the standard's own tests
	older  = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	hook   = "/hooks/c4nary-path?key=c4nary-query"
)

func TestContract(t *testing.T) {
	for name, c := range map[string]struct {
		o     webhook.Options
		takes func(f store.Field) bool
	}{
		"one by one": {},
		"in batches": {
			o:     webhook.Options{Batch: 7},
			takes: func(f store.Field) bool { return f != store.FieldPhoneNumber && f != store.FieldName },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backendtest.Run(t, func(t *testing.T) backendtest.Fixture {
				service := webhooktest.New(secret)
				return backendtest.Fixture{
					Backend: func(baseURL string) (store.Backend, error) {
						b, err := webhook.New(baseURL+hook, []string{secret, older}, &c.o)
						if err != nil {
							return nil, err
						}
						t.Cleanup(b.Close)
						return store.Restrict(b, c.takes), nil
					},
					Double:  service,
					Holds:   func(key store.Key) (map[store.Field]string, bool) { return holds(service, key) },
					Count:   func() int { return len(service.People()) },
					Secrets: []string{secret, older, "c4nary"},
				}
			}, backendtest.Skip("false-success", "the standard has receivers accept by any 2xx, whatever the body"))
		})
	}
}

func holds(service *webhooktest.Service, key store.Key) (map[store.Field]string, bool) {
	person, ok := service.Person(key.String())
	fields := make(map[store.Field]string, len(person))
	for name, value := range person {
		fields[store.Field(name)] = value
	}
	return fields, ok
}
