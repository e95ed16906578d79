package main

import (
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backendtest"
)

func TestContract(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	const token = "contacts-Token-8e21"
	backendtest.Run(t, func(*testing.T) backendtest.Fixture {
		book := NewService(token)
		return backendtest.Fixture{
			Backend: func(baseURL string) (store.Backend, error) { return NewContacts(baseURL, token) },
			Double:  book,
			Holds: func(key store.Key) (map[store.Field]string, bool) {
				contact := book.Contact(key.String()) // ":" for the zero Key
				fields := make(map[store.Field]string)
				for f, name := range names {
					fields[f] = contact[name]
				}
				return fields, contact != nil
			},
			Count:   book.Len,
			Secrets: []string{token},
			Occupy: func(key store.Key) {
				book.Put(store.Key{}.String(), map[string]string{"handle": backendtest.Person(key).Username})
			},
		}
	})
}

func TestExampleRuns(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	const want = `
Ann writes to the bot.
store created telegram:42 [family_name given_name status username]
contacts delivered telegram:42 [name username]
the address book has map[full_name:Ann Lee handle:ann]

She tells it her address.
contacts delivered telegram:42 [email]
the address book has map[full_name:Ann Lee handle:ann mail:ann@example.org]

She marries, and gives up her username.
store updated telegram:42 [family_name username]
contacts delivered telegram:42 [name username]
the address book has map[full_name:Ann Lee-Cho handle: mail:ann@example.org]

Somebody else has the username that she takes next.
store updated telegram:42 [username]
contacts failed telegram:42 contacts: PATCH telegram:42: HOST answered 409
the address book has map[full_name:Ann Lee-Cho handle: mail:ann@example.org]

She takes another one.
store updated telegram:42 [username]
contacts delivered telegram:42 [username]
the address book has map[full_name:Ann Lee-Cho handle:annlc mail:ann@example.org]

She wants to be forgotten.
contacts erased telegram:42 []
the address book has map[]
`
	if got := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(out.String(), "HOST"); got != want {
		t.Errorf("it printed\n%s\nwant\n%s", got, want)
	}
}
