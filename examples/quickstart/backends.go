package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

// startMirrors serves the doubles of the three systems on loopback, and makes the
// backends that talk to them.
func startMirrors() (mirrors, error) {
	var ms mirrors
	for _, start := range []func() (*mirror, error){startMonosay, startGenAuth, startRocketChat} {
		m, err := start()
		if m != nil {
			ms = append(ms, m)
		}
		if err != nil {
			ms.close()
			return nil, err
		}
	}
	return ms, nil
}

func startMonosay() (*mirror, error) {
	const token = "token-of-the-channel"
	service := monosaytest.New(token, nil)
	m := &mirror{title: "Monosay", double: service, holds: func() table {
		t := table{{"channelUserId", "name", "surname", "userName"}}
		users := service.Users()
		for _, id := range sortedKeys(users) {
			u := users[id]
			t = append(t, []string{id, u.Name, u.Surname, u.UserName})
		}
		return t
	}}
	if err := m.listen(); err != nil {
		return nil, err
	}
	b, err := monosay.New(token, &monosay.Options{BaseURL: m.url()})
	m.backend = b
	return m, err
}

func startGenAuth() (*mirror, error) {
	service := genauthtest.New(nil)
	m := &mirror{title: "GenAuth", double: service, holds: func() table {
		t := table{{"externalId", "username", "name", "givenName", "familyName", "locale", "phone"}}
		accounts := service.Accounts()
		slices.SortFunc(accounts, func(a, b genauthtest.Account) int {
			return strings.Compare(a.Text("externalId"), b.Text("externalId"))
		})
		for _, a := range accounts {
			t = append(t, []string{
				a.Text("externalId"), a.Text("username"), a.Text("name"), a.Text("givenName"), a.Text("familyName"),
				a.Text("locale"), a.Text("phoneCountryCode") + a.Text("phone"),
			})
		}
		return t
	}}
	if err := m.listen(); err != nil {
		return nil, err
	}
	b, err := genauth.New(service.AccessKeyID(), service.AccessKeySecret(), &genauth.Options{BaseURL: m.url()})
	m.backend = b
	return m, err
}

func startRocketChat() (*mirror, error) {
	service := rocketchattest.New(&rocketchattest.Options{
		CustomFields: map[string]rocketchattest.CustomField{"language": {Type: "text"}},
	})
	m := &mirror{title: "Rocket.Chat", double: service, holds: func() table {
		t := table{{"username", "name", "language", "email"}}
		users := service.Users()
		slices.SortFunc(users, func(a, b rocketchattest.User) int { return strings.Compare(a.Username, b.Username) })
		for _, u := range users {
			if u.ID == service.UserID() {
				continue // the account that makes the calls
			}
			language, _ := u.CustomFields["language"].(string)
			t = append(t, []string{u.Username, u.Name, language, u.Emails[0].Address})
		}
		return t
	}}
	if err := m.listen(); err != nil {
		return nil, err
	}
	b, err := rocketchat.New(service.UserID(), service.Token(), &rocketchat.Options{
		BaseURL: m.url(),
		Custom:  map[store.Field]string{store.FieldLocale: "language"},
	})
	m.backend = b
	return m, err
}

// print shows what each system holds.
func (ms mirrors) print(w io.Writer) {
	for _, m := range ms {
		fmt.Fprintf(w, "\nWhat %s holds:\n\n", m.title)
		m.holds().print(w)
	}
}
