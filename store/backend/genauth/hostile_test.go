package genauth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

// allowed are the keys that create-user and update-user may be sent.
var allowed = strings.Fields(`userId options externalId username name givenName familyName middleName nickname preferredUsername photo
	profile website email emailVerified phone phoneCountryCode phoneVerified gender birthdate zoneinfo locale address formatted streetAddress
	city province region postalCode country company identityNumber customData`)

func checkKeys(t interface{ Errorf(string, ...any) }, s *genauthtest.Service, allowed, custom []string) {
	for _, c := range s.Calls() {
		switch c.Path {
		case "/api/v3/create-user", "/api/v3/update-user", "/api/v3/update-profile":
		default:
			continue
		}
		var body map[string]json.RawMessage
		if err := json.Unmarshal(c.Body, &body); err != nil {
			t.Errorf("%s was sent %q", c.Path, c.Body)
		}
		for key := range body {
			if !slices.Contains(allowed, key) {
				t.Errorf("%s was sent the key %q", c.Path, key)
			}
		}
		var data map[string]any
		json.Unmarshal(body["customData"], &data)
		for key := range data {
			if !slices.Contains(custom, key) {
				t.Errorf("%s was sent the custom key %q", c.Path, key)
			}
		}
	}
}

// A signature covers every byte, so that what arrives under one is what was meant.
func TestHostileTextsArriveUnderASignature(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	defineAll(s)
	b := newBackend(t, s, &genauth.Options{Auth: genauth.BySignature, Custom: mapped, Company: store.CustomKey("firm")})
	arrived := 0
	for _, text := range hostile.Texts {
		name, ok := store.Repair(store.FieldGivenName, text)
		if !ok || name == "" {
			continue
		}
		quoted, _ := json.Marshal(name)
		deliver(t, b, first(b, map[store.Field]string{
			store.FieldGivenName: name, tier: string(quoted), store.CustomKey("firm"): string(quoted),
		}))
		a := account(t, s)
		if a["givenName"] != name || a.Custom("tier") != name || a["company"] != name {
			t.Errorf("%q arrives as %v", name, a)
		}
		arrived++
	}
	if arrived < len(hostile.Honest) {
		t.Errorf("only %d texts were delivered", arrived)
	}
	checkKeys(t, s, allowed, []string{"tier"})
}

// No text that somebody chooses makes a key, whatever the texts are and whichever
// fields are named.
func TestNoTextBecomesAKey(t *testing.T) {
	t.Parallel()
	people, requests := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := genauthtest.New(nil)
		defineAll(s)
		b, err := genauth.New(s.AccessKeyID(), s.AccessKeySecret(), &genauth.Options{
			BaseURL: "http://localhost", Transport: direct{s}, Custom: mapped, FollowUsername: true,
			Auth:    genauth.Auth(rapid.IntRange(0, 1).Draw(t, "auth")),
			Company: store.CustomKey("firm"), IdentityNumber: store.CustomKey("id_card"),
		})
		if err != nil {
			t.Fatal(err)
		}
		set := make(map[store.Field]string)
		for _, f := range append(store.Fields(), tier, age, vip, since, plan, store.CustomKey("firm"), store.CustomKey("id_card"), store.CustomKey("status"), store.NickField("1")) {
			if rapid.Bool().Draw(t, string(f)) {
				raw := rapid.OneOf(rapid.String(), rapid.SampledFrom(hostile.Texts), rapid.SampledFrom([]string{`","status":"Activated`, "password", "true", "M", "ann@example.org", "+420777123456"})).Draw(t, "text")
				if strings.HasPrefix(string(f), "custom.") {
					quoted, _ := json.Marshal(raw)
					raw = string(quoted)
				}
				if v, ok := store.Repair(f, raw); ok && v != "" {
					set[f] = v
				}
			}
		}
		d := first(b, set)
		d.Fields = append(d.Profile.Stated(), store.FieldNickname, store.FieldEmail, tier) // more than it takes, and some to clear
		slices.Sort(d.Fields)
		d.Fields = slices.Compact(d.Fields)
		for range 2 {
			receipt, err := b.Deliver(t.Context(), d)
			if err != nil && !errors.Is(err, store.ErrInvalid) {
				t.Fatalf("the error is %v", err)
			}
			d.Remote = receipt.Remote
		}
		checkKeys(t, s, allowed, []string{"tier", "age", "vip", "since", "plan", "about", "premium"})
		people++
		requests += len(s.Calls())
	})
	t.Attr("figure", fmt.Sprintf("%d people, %d requests", people, requests))
}

func FuzzDeliver(f *testing.F) {
	for _, text := range hostile.Texts[:20] {
		f.Add(text)
	}
	f.Add("a&b=c\u2028<\"\\>")
	f.Fuzz(func(t *testing.T, text string) {
		name, ok := store.Repair(store.FieldNickname, text)
		if !ok || name == "" {
			t.Skip()
		}
		s := genauthtest.New(nil)
		defineAll(s)
		b := newBackend(t, s, &genauth.Options{Auth: genauth.BySignature, Custom: mapped, CustomMerges: true})
		deliver(t, b, first(b, map[store.Field]string{store.FieldNickname: name, store.FieldBio: name}))
		if a := account(t, s); a["nickname"] != name || a.Custom("about") != name {
			t.Errorf("%q arrives as %v", name, a)
		}
	})
}
