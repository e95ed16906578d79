package rocketchat_test

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
	"github.com/rollcall-go/rollcall/store/backendtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password = "Secret-of-the-admin"
	mark     = "@rollcall.invalid"
	human    = "A Human"
)

var custom = map[string]rocketchattest.CustomField{
	"tier": {Type: "text", MaxLength: 200}, "team": {Type: "text"}, "bot-key": {Type: "text"},
}

func TestContract(t *testing.T) {
	for name, c := range map[string]struct {
		options rocketchat.Options
		service rocketchattest.Options
		suite   []backendtest.Option
	}{
		"by default": {suite: []backendtest.Option{backendtest.SkipFaults("its calls are among those with all options")}},
		"an older server": {
			suite: []backendtest.Option{
				backendtest.Skip("too-much", "answers are read as with all options"),
				backendtest.Skip("redirects", "they are refused as with all options"),
			},
			options: rocketchat.Options{
				Password: password,
				Custom:   map[store.Field]string{store.CustomKey("tier"): "tier", store.CustomKey("nowhere"): "nowhere", store.FieldLocale: "team"},
			},
			service: rocketchattest.Options{
				Before8: true, Factor: "password", Password: password, ReplaceCustomFields: true, CustomFields: custom, Orphans: true,
			},
		},
		"all options": {
			options: rocketchat.Options{
				Emails: true, KeyField: "bot-key", Pictures: true,
				Custom: map[store.Field]string{store.CustomKey("tier"): "tier", store.CustomKey("nowhere"): "nowhere"},
			},
			service: rocketchattest.Options{CustomFields: custom},
		},
	} {
		t.Run(name, func(t *testing.T) {
			backendtest.Run(t, func(t *testing.T) backendtest.Fixture {
				o := c.service
				service := rocketchattest.New(&o)
				heard := &listener{last: make(map[store.Key]store.Profile)}
				var occupied string
				fixture := backendtest.Fixture{
					Backend: func(baseURL string) (store.Backend, error) {
						o := c.options
						o.BaseURL = baseURL
						b, err := rocketchat.New(service.UserID(), service.Token(), &o)
						if err != nil {
							return nil, err
						}
						t.Cleanup(b.Close)
						return listening{b, heard}, nil
					},
					Double: service,
					Holds: func(key store.Key) (map[store.Field]string, bool) {
						username := username(key)
						if key.IsZero() {
							username = occupied
						}
						u, ok := service.User(username)
						if !key.IsZero() && u.Name == human {
							return nil, false
						}
						return held(u, heard.of(key)), ok
					},
					Count:   func() int { return len(service.Users()) },
					Secrets: []string{service.Token(), password},
					Occupy: func(key store.Key) {
						occupied = username(key)
						service.Add(rocketchattest.User{
							Username: occupied, Name: human, Bio: "Not a bot's", Emails: []rocketchattest.Email{{Address: "human@example.org"}},
						})
					},
				}
				if len(c.options.Custom) > 0 {
					fixture.Undefined = store.CustomKey("nowhere")
				}
				return fixture
			}, c.suite...)
		})
	}
}

func username(key store.Key) string { return rocketchat.DefaultUsername(key) }

// held is what an account says in our form. last is what was delivered: it tells
// what has another form or no place there.
func held(u rocketchattest.User, last store.Profile) map[store.Field]string {
	fields := map[store.Field]string{
		store.FieldName:     strings.NewReplacer("＜", "<", "＞", ">", "＼", `\`, "／", "/", "％", "%").Replace(u.Name),
		store.FieldNickname: u.Nickname,
		store.FieldBio:      u.Bio,
		store.FieldPicture:  u.AvatarURL,
	}
	if strings.ContainsAny(last.Name, "＜＞＼／％") {
		fields[store.FieldName] = last.Name
	}
	if last.Name == "" && fields[store.FieldName] == last.Key.String() {
		fields[store.FieldName] = ""
	}
	for field, text := range map[store.Field]string{store.FieldNickname: last.Nickname, store.FieldBio: last.Bio} {
		if h := fields[field]; len(h) > 100 && strings.HasPrefix(text, h) { // cut
			fields[field] = text
		}
	}
	if tier, ok := u.CustomFields["tier"].(string); ok && tier != "" {
		raw, _ := json.Marshal(tier)
		fields[store.CustomKey("tier")] = string(raw)
	}
	if locale, ok := u.CustomFields["team"].(string); ok {
		fields[store.FieldLocale] = locale
	}
	switch {
	case len(u.Emails) > 0 && !strings.HasSuffix(u.Emails[0].Address, mark):
		fields[store.FieldEmail], fields[store.FieldEmailVerified] = u.Emails[0].Address, "true"
	case !last.EmailVerified:
		fields[store.FieldEmail] = last.Email
	case last.Email == "":
		fields[store.FieldEmailVerified] = "true"
	}
	return fields
}

// A listener knows what was delivered last.
type listener struct {
	mu   sync.Mutex
	last map[store.Key]store.Profile
}

func (l *listener) of(key store.Key) store.Profile {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[key]
}

type listening struct {
	*rocketchat.Backend
	heard *listener
}

func (b listening) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	b.heard.mu.Lock()
	b.heard.last[d.Profile.Key] = d.Profile
	b.heard.mu.Unlock()
	return b.Backend.Deliver(ctx, d)
}

const secret = "a secret of sixteen bytes and more"

func TestContractOfVisitors(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) backendtest.Fixture {
		service := rocketchattest.New(&rocketchattest.Options{VisitorFields: []string{"tier"}})
		var made *rocketchat.Visitors
		return backendtest.Fixture{
			Backend: func(baseURL string) (store.Backend, error) {
				v, err := rocketchat.NewVisitor(secret, &rocketchat.VisitorOptions{
					BaseURL: baseURL,
					Custom:  map[store.Field]string{store.CustomKey("tier"): "tier", store.CustomKey("nowhere"): "nowhere"},
				})
				if err != nil {
					return nil, err
				}
				t.Cleanup(v.Close)
				made = v
				return v, nil
			},
			Double: service,
			Holds: func(key store.Key) (map[store.Field]string, bool) {
				token := occupiedToken
				if !key.IsZero() {
					token = made.Token(key)
				}
				v, ok := service.Visitor(token)
				fields := map[store.Field]string{store.FieldName: v.Name, store.FieldEmail: v.Email, store.FieldPhoneNumber: v.Phone}
				if tier := v.Custom["tier"]; tier != "" {
					raw, _ := json.Marshal(tier)
					fields[store.CustomKey("tier")] = string(raw)
				}
				maps.DeleteFunc(fields, func(_ store.Field, v string) bool { return v == "" })
				return fields, ok
			},
			Count:     func() int { return len(service.Visitors()) },
			Secrets:   []string{secret},
			Undefined: store.CustomKey("nowhere"),
			Occupy: func(key store.Key) {
				p := backendtest.Person(key)
				service.AddVisitor(rocketchattest.Visitor{Token: occupiedToken, Name: human, Email: p.Email, Phone: p.PhoneNumber})
			},
		}
	})
}

const occupiedToken = "token-of-somebody-else"
