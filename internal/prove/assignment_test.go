package prove_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// assignable are the keys that a body may carry, by where it goes: in none of them is
// a role, a right, a status of an account, a department, or a password but the random
// one that Rocket.Chat asks of a new account. "*" is any key, for members that are
// named by the bot's author or the platform, and stand where nothing else is read.
var assignable = map[string]string{
	"/channelusers": "channelUserId name surname userName profilePhotoUrl email",

	"/api/v3/get-management-token": "accessKeyId accessKeySecret",
	"/api/v3/create-user":          genauthKeys + " externalId username",
	"/api/v3/update-user":          genauthKeys + " userId options options.userIdType",
	"/api/v3/delete-users-batch":   "userIds options options.userIdType",
	"/api/v3/update-profile":       "name nickname photo gender birthdate address streetAddress city province postalCode country customData customData.tier",

	"/api/v1/users.create": `username email name password nickname bio customFields customFields.tier verified
		joinDefaultChannels sendWelcomeEmail requirePasswordChange`,
	"/api/v1/users.update":     "userId data data.name data.nickname data.bio data.customFields data.customFields.tier",
	"/api/v1/users.delete":     "userId confirmRelinquish",
	"/api/v1/livechat/visitor": "visitor visitor.token visitor.name visitor.email visitor.phone visitor.customFields visitor.customFields.key visitor.customFields.value visitor.customFields.overwrite",

	"/" + canary: `id version type key channel user_id fields cleared all profile profile.channel profile.user_id
		profile.name profile.given_name profile.family_name profile.middle_name profile.nickname profile.preferred_username
		profile.profile profile.picture profile.website profile.email profile.email_verified profile.gender profile.birthdate
		profile.zoneinfo profile.locale profile.phone_number profile.phone_number_verified profile.address
		profile.address.formatted profile.address.street_address profile.address.locality profile.address.region
		profile.address.postal_code profile.address.country profile.username profile.status profile.is_premium profile.bio
		profile.start_payload profile.nicks profile.nicks.* profile.custom profile.custom.* profile.first_seen profile.last_seen`,
}

const genauthKeys = `name givenName familyName middleName nickname preferredUsername photo profile website email emailVerified
	phone phoneCountryCode phoneVerified gender birthdate zoneinfo locale address formatted streetAddress city province region
	postalCode country customData customData.tier`

// A customs officer looks into everything on its way to a service.
type customs struct {
	service http.Handler
	seen    *cargo
}

type cargo struct {
	mu      sync.Mutex
	bodies  map[string]int // by path
	keys    map[string]bool
	strange []string
}

func (c customs) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.seen.inspect(r.URL.Path, body)
	} else {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	c.service.ServeHTTP(w, r)
	return w.Result(), nil
}

func (c *cargo) inspect(path string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies[path]++
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		c.strange = append(c.strange, fmt.Sprintf("%s was sent %.200q", path, body))
		return
	}
	allowed := strings.Fields(assignable[path])
	var look func(at string, v any)
	look = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				look(at, one)
			}
		case map[string]any:
			for key, one := range v {
				name := strings.TrimPrefix(at+"."+key, ".")
				c.keys[path+" "+name] = true
				if slices.Contains(allowed, at+".*") {
					name = at + ".*"
				}
				if !slices.Contains(allowed, name) {
					c.strange = append(c.strange, fmt.Sprintf("%s was sent the key %q", path, name))
				}
				look(name, one)
			}
		}
	}
	look("", v)
}

// everything is a profile with all fields, and other values each round.
func everything(id, round int) store.Profile {
	text := fmt.Sprint("Ann ", round)
	return store.Profile{
		Name: text, GivenName: text, FamilyName: text, MiddleName: text, Nickname: text, PreferredUsername: fmt.Sprint("ann", round),
		Profile: fmt.Sprint("https://ann.example/", round), Picture: fmt.Sprint("https://ann.example/p/", round), Website: fmt.Sprint("https://ann.example/w/", round),
		Email: fmt.Sprintf("ann%d.%d@example.org", id, round), EmailVerified: true, PhoneNumber: fmt.Sprintf("+4207771%d%03d", round, id), PhoneVerified: true,
		Gender: []string{"F", "M"}[round], Birthdate: fmt.Sprint("199", round, "-12-31"),
		Zoneinfo: []string{"Europe/Paris", "Asia/Tokyo"}[round], Locale: []string{"pt-BR", "de"}[round],
		Address: store.Address{Formatted: text, StreetAddress: text, Locality: text, Region: text, PostalCode: fmt.Sprint(round), Country: []string{"FR", "DE"}[round]},
		Custom:  map[string]any{"role": "admin", "roles": "admin", "status": "Activated", "tier": text},
	}
}

// People with hostile texts in all fields, and custom fields that are named as what
// gives rights in one service or another, before all backends.
func TestNoBodyAssignsMore(t *testing.T) {
	t.Attr("promise", "mass assignment: no backend sends a key outside of its list")
	powers := []string{"role", "roles", "status", "active", "password", "isAdmin", "permissions", "__proto__", "constructor", "tier"}
	var defined []store.CustomField
	for _, key := range powers {
		defined = append(defined, store.CustomField{Key: key})
	}
	seen := &cargo{bodies: make(map[string]int), keys: make(map[string]bool)}
	synctest.Test(t, func(t *testing.T) {
		s := newSystems(t, func(service http.Handler, _ func() bool) http.RoundTripper { return customs{service, seen} })
		mw, err := middleware.New(memstore.New(), &middleware.Options{Backends: s.backends, SeenEvery: -1, ExpectedPeople: 1000, CustomFields: defined})
		if err != nil {
			t.Fatal(err)
		}
		defer mw.Close(t.Context())
		for round := range 2 { // who is new, and who changes
			for i := range hostile.Texts {
				text := hostile.Texts[(i+round)%len(hostile.Texts)]
				x := observed(i, round)
				x.At = time.Now()
				for _, f := range store.Fields() {
					x.Set(f, text)
				}
				for _, key := range powers {
					x.Set(store.CustomKey(key), text)
				}
				x.Set(store.NickField("7"), text)
				mw.Observe(x)
				if i%2 == 0 {
					if err := mw.Set(t.Context(), x.Key(), store.Declared, everything(i, round)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := mw.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, b := range s.backends { // those without an account could not sign in
				if _, err := mw.Replay(t.Context(), b.Name(), store.Key{}); err != nil {
					t.Fatal(err)
				}
			}
			if err := mw.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i := range hostile.Texts {
			if err := mw.Forget(t.Context(), observed(i, 0).Key()); err != nil {
				t.Fatal(err)
			}
		}
		if err := mw.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	for _, problem := range slices.Compact(slices.Sorted(slices.Values(seen.strange))) {
		t.Error(problem)
	}
	bodies, keys := 0, 0
	for path, allowed := range assignable {
		bodies += seen.bodies[path]
		for key := range strings.FieldsSeq(allowed) {
			if strings.HasSuffix(key, "*") {
				continue
			}
			if keys++; !seen.keys[path+" "+key] {
				t.Errorf("%s was never sent %s", path, key)
			}
		}
	}
	t.Attr("figure", fmt.Sprintf("%d bodies of %d kinds, %d keys and no other", bodies, len(assignable), keys))
}
