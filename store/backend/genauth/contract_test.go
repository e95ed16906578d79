package genauth_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
	"github.com/rollcall-go/rollcall/store/backendtest"
)

var custom = map[store.Field]string{
	store.CustomKey("tier"):         "tier",
	store.CustomKey("undefined_so"): "undefinedSo",
	store.FieldBio:                  "bio",
	store.FieldIsPremium:            "premium",
}

func define(s *genauthtest.Service) *genauthtest.Service {
	s.Define(
		genauthtest.CustomField{Key: "tier", DataType: "STRING"},
		genauthtest.CustomField{Key: "bio", DataType: "STRING"},
		genauthtest.CustomField{Key: "premium", DataType: "BOOLEAN"},
	)
	return s
}

// simple are the fields that the service holds under one key of its own.
var simple = map[store.Field]string{
	store.FieldName: "name", store.FieldGivenName: "givenName", store.FieldFamilyName: "familyName",
	store.FieldMiddleName: "middleName", store.FieldNickname: "nickname", store.FieldPreferredUsername: "preferredUsername",
	store.FieldProfile: "profile", store.FieldPicture: "photo", store.FieldWebsite: "website", store.FieldEmail: "email",
	store.FieldGender: "gender", store.FieldBirthdate: "birthdate", store.FieldZoneinfo: "zoneinfo", store.FieldLocale: "locale",
	store.FieldStreetAddress: "streetAddress", store.FieldLocality: "city", store.FieldPostalCode: "postalCode",
	store.FieldCountry: "country", store.FieldUsername: "username",
	store.FieldFormatted: "address", store.FieldRegion: "province",
}

// madeUp matches usernames that the backend made for want of one.
var madeUp = regexp.MustCompile(`^(telegram|discord)_[0-9]+$|_[0-9a-f]{16}$`)

// ours is an account by our names.
func ours(a genauthtest.Account) map[store.Field]string {
	fields := make(map[store.Field]string)
	for f, key := range simple {
		fields[f] = a.Text(key)
	}
	if madeUp.MatchString(a.Text("username")) {
		delete(fields, store.FieldUsername) // what the backend made for want of one
	}
	if number := a.Text("phone"); number != "" {
		fields[store.FieldPhoneNumber] = a.Text("phoneCountryCode") + number
	}
	for f, key := range map[store.Field]string{store.FieldEmailVerified: "emailVerified", store.FieldPhoneVerified: "phoneVerified"} {
		if a[key] == true {
			fields[f] = "true"
		}
	}
	if tier, ok := a.Custom("tier").(string); ok {
		fields[store.CustomKey("tier")] = `"` + tier + `"`
	}
	if bio, ok := a.Custom("bio").(string); ok {
		fields[store.FieldBio] = bio
	}
	if a.Custom("premium") == true {
		fields[store.FieldIsPremium] = "true"
	}
	return fields
}

// A genderless backend remembers of whom no gender is known: the service has "U"
// for that, as for those who are of unknown gender.
type genderless struct {
	mu      sync.Mutex
	unknown map[store.Key]bool
}

func (g *genderless) note(d store.Delivery) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unknown == nil {
		g.unknown = make(map[store.Key]bool)
	}
	g.unknown[d.Profile.Key] = d.Profile.Gender == ""
}

func (g *genderless) of(key store.Key, fields map[store.Field]string) map[store.Field]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unknown[key] && fields[store.FieldGender] == "U" {
		fields[store.FieldGender] = ""
	}
	return fields
}

type notedBackend struct {
	*genauth.Backend
	note func(store.Delivery)
}

type notedUserBackend struct {
	*genauth.UserBackend
	note func(store.Delivery)
}

func (b notedUserBackend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	b.note(d)
	return b.UserBackend.Deliver(ctx, d)
}

func (b notedBackend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	b.note(d)
	return b.Backend.Deliver(ctx, d)
}

func TestContract(t *testing.T) {
	same := backendtest.SkipFaults("answers are read as with a token, which takes a call more")
	for name, c := range map[string]struct {
		backend genauth.Options
		service genauthtest.Options
		options []backendtest.Option
	}{
		"token": {},
		"signature": {
			genauth.Options{Auth: genauth.BySignature, Prefix: genauth.PrefixGenAuth, FollowUsername: true, CustomMerges: true},
			genauthtest.Options{Prefixes: []string{"genauth"}, OnUndefined: genauthtest.DropUndefined},
			[]backendtest.Option{same},
		},
		"as others document it": {
			genauth.Options{RawToken: true, Clearing: genauth.ClearWithEmpty},
			genauthtest.Options{TokenForm: genauthtest.RawOnly, CustomReplaces: true, Null: genauthtest.Ignored, StrictDelete: true, HTTPStatus: true},
			[]backendtest.Option{same},
		},
	} {
		t.Run(name, func(t *testing.T) {
			backendtest.Run(t, func(t *testing.T) backendtest.Fixture {
				s := define(genauthtest.New(&c.service))
				var g genderless
				occupant := ""
				return backendtest.Fixture{
					Backend: func(baseURL string) (store.Backend, error) {
						o := c.backend
						o.BaseURL, o.Custom = baseURL, custom
						b, err := genauth.New(s.AccessKeyID(), s.AccessKeySecret(), &o)
						if err != nil {
							return nil, err
						}
						return notedBackend{b, g.note}, nil
					},
					Double: s,
					Holds: func(key store.Key) (map[store.Field]string, bool) {
						if key.IsZero() {
							for _, a := range s.Accounts() {
								if a.Text("userId") == occupant {
									return ours(a), true
								}
							}
							return nil, false
						}
						a, ok := s.Account(key.String())
						return g.of(key, ours(a)), ok
					},
					Count:   func() int { return len(s.Accounts()) },
					Secrets: []string{s.AccessKeySecret(), "c2lnbmF0dXJl"},
					Occupy: func(key store.Key) {
						p := backendtest.Person(key)
						occupant = s.Put(genauthtest.Account{
							"email": strings.ToUpper(p.Email), "username": p.Username, "name": "Somebody Else",
						})
					},
					Undefined: store.CustomKey("undefined_so"),
				}
			}, c.options...)
		})
	}
}

// TestUserContract has people sign up when their token is asked for.
func TestUserContract(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) backendtest.Fixture {
		s := define(genauthtest.New(&genauthtest.Options{CustomReplaces: true}))
		var g genderless
		var mu sync.Mutex
		tokens := make(map[store.Key]string)
		occupant := ""
		return backendtest.Fixture{
			Backend: func(baseURL string) (store.Backend, error) {
				b, err := genauth.NewUser(baseURL, s.AppID(), func(_ context.Context, key store.Key) (string, error) {
					mu.Lock()
					defer mu.Unlock()
					if tokens[key] == "" {
						tokens[key] = s.SignIn(s.Put(genauthtest.Account{"externalId": key.String()}))
					}
					return tokens[key], nil
				}, &genauth.UserOptions{Custom: custom, FollowUsername: true})
				if err != nil {
					return nil, err
				}
				return notedUserBackend{b, g.note}, nil
			},
			Double: s,
			Holds: func(key store.Key) (map[store.Field]string, bool) {
				if key.IsZero() {
					for _, a := range s.Accounts() {
						if a.Text("userId") == occupant {
							return ours(a), true
						}
					}
					return nil, false
				}
				a, ok := s.Account(key.String())
				return g.of(key, ours(a)), ok
			},
			Count:   func() int { return len(s.Accounts()) },
			Secrets: []string{"person-"},
			Occupy: func(key store.Key) {
				occupant = s.Put(genauthtest.Account{"username": backendtest.Person(key).Username, "name": "Somebody Else"})
			},
			Undefined: store.CustomKey("undefined_so"),
		}
	})
}
