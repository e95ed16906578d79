package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

// validate asks about one value that a person stated.
func validate(f store.Field, value string) error {
	p := store.Patch{Key: ann, Source: store.Declared, At: noon, Set: map[store.Field]string{f: value}}
	return p.Validate(nil)
}

func TestGoodValuesAreValid(t *testing.T) {
	t.Parallel()
	for f, values := range map[store.Field][]string{
		store.FieldName: hostile.Honest,
		store.FieldEmail: {
			"ann@example.org", "Ann.O'Neil+bot@sub.example.co.uk", "a@b.co", "ann@münchen.example", "用户@例え.テスト",
			strings.Repeat("a", 64) + "@example.org",
		},
		store.FieldPicture: {
			"https://example.org", "https://example.org/a.png?x=1&y=%20#z", "https://münchen.example/ä",
			"https://[2001:db8::1]:8443/", "https://example.org/" + strings.Repeat("a", 2028),
		},
		store.FieldPhoneNumber: {"+14155552671", "+6834002", "+123456789012345"},
		store.FieldLocale:      {"pt-BR", "en", "zh-Hant-TW", "sr-Latn", "es-419", "de-CH-1996", "PT-br"},
		store.FieldZoneinfo:    {"Europe/Paris", "America/Argentina/ComodRivadavia", "UTC", "Etc/GMT+5", "Asia/Kolkata"},
		store.FieldBirthdate:   {"1990-12-31", "0000-02-29", "2000-02-29", "1990", "0000-12-31"},
		store.FieldGender:      {"M", "F", "U"},
		store.FieldStatus:      {"active", "blocked", "left", "deleted"},
		store.FieldIsPremium:   {"true"},
		store.FieldBio:         {strings.Repeat("😀", 1000)},
		store.FieldCountry:     {"Côte d'Ivoire"},
		store.NickField("7"):   {"Annie"},
	} {
		for _, v := range values {
			if err := validate(f, v); err != nil {
				t.Errorf("%.80q: %v", v, err)
			}
		}
	}
}

func TestBadValuesAreRefusedWithAFieldErrorThatSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field   store.Field
		problem string // a part of it
		values  []string
	}{
		{store.FieldEmail, "is not an email address", []string{
			"ann", "@example.org", "ann@", "ann@localhost", "ann@@example.org", "ann@example..org", "ann@.org",
			"ann@-example.org", "ann@example-.org", "ann@exa_mple.org", "Ann <ann@example.org>", "<ann@example.org>",
			"ann@example.org, bob@example.org", "ann@example.org (Ann)", `"a b"@example.org`, "a b@example.org",
			"ann@[127.0.0.1]", "ann@example.org.", ".ann@example.org", strings.Repeat("a", 65) + "@example.org",
			"ann@" + strings.Repeat("a", 64) + ".org",
		}},
		{store.FieldEmail, "longer than an email address", []string{"ann@" + strings.Repeat("a.", 126) + "org"}},
		{store.FieldPicture, "is not an https URL", []string{
			"http://example.org", "example.org", "//example.org/a", "/a.png", "https:", "https://", "https:///a",
			"https://:443/", "https:example.org", "javascript:alert(1)", "data:image/png;base64,AA==", "ftp://example.org",
			"https://exa mple.org", "https://example.org/a b", "https://example.org/%zz", `https://good.example\@bad.example/`,
		}},
		{store.FieldWebsite, "user name or password", []string{"https://ann:secret@example.org/", "https://ann@example.org"}},
		{store.FieldProfile, "longer than 2048", []string{"https://example.org/" + strings.Repeat("a", 2029)}},
		{store.FieldPicture, "token of a Telegram bot", urlsWithAToken},
		{store.FieldName, "token of a Telegram bot", urlsWithAToken},
		{store.FieldPhoneNumber, "E.164", []string{
			"14155552671", "+1 415 555 2671", "+0155552671", "+123456", "+1234567890123456", "+1415555267x", "+", "0049301234567", "+１４１５５５５２６７１",
		}},
		{store.FieldLocale, "BCP 47", []string{"pt_BR", "english please", "und", "x", "12", strings.Repeat("en-", 30), "qq-QQ-qq"}},
		{store.FieldZoneinfo, "IANA", []string{
			"Local", "Europe", "Europe/Pariss", "europe/paris", "Paris", "+01:00", "CEST", "Factory", "../../etc/passwd",
			"Europe/Paris\nEurope/Rome", "\n", "posixrules",
		}},
		{store.FieldBirthdate, "calendar", []string{
			"1990-02-30", "2001-02-29", "1990-13-01", "1990-1-1", "90-01-01", "31.12.1990", "1990-12", "0000", "0000-00-00",
			"1990-12-31T00:00:00Z", "-1990", "199O",
		}},
		{store.FieldGender, "M, F or U", []string{"m", "male", "X", "MF"}},
		{store.FieldStatus, "active, blocked", []string{"Active", "banned"}},
		{store.FieldIsPremium, "is not true", []string{"false", "1", "TRUE"}},
		{store.FieldName, "UTF-8", []string{"\xff"}},
		{store.FieldName, "line break", []string{"a\nb", "a\tb", "a\u2028b"}},
		{store.FieldName, "control character", []string{"a\x00b", "\x1b[31m", "a\u0085b"}},
		{store.FieldName, "direction", []string{"\u202egnp.exe", "\u200eAnn"}},
		{store.FieldName, "invisible", []string{"An\u200bn"}},
		{store.FieldName, "no character", []string{"\uffff"}},
		{store.FieldName, "tag characters", []string{"Ann\U000e0041"}},
		{store.FieldName, "too many marks", []string{"a\u0301\u0301\u0301\u0301\u0301"}},
		{store.FieldName, "with a space", []string{" Ann", "Ann ", "\u00a0Ann"}},
		{store.FieldName, "longer than 128", []string{strings.Repeat("W", 129), strings.Repeat("W", 10<<20)}},
		{store.FieldBio, "longer than 1000", []string{strings.Repeat("😀", 1001)}},
		{store.FieldCountry, "longer than 256", []string{strings.Repeat("W", 257)}},
		{store.NickField("7"), "longer than 128", []string{strings.Repeat("W", 129)}},
		{store.NickField("\xff"), "guild whose id", []string{"Annie"}},
		{store.NickField(""), "guild whose id", []string{"Annie"}},
		{"shoe_size", "is not a field", []string{"42"}},
		{"first_seen", "is not a field", []string{"2026-01-01"}},
		{"", "is not a field", []string{"Ann"}},
	} {
		for _, v := range c.values {
			err := validate(c.field, v)
			fe, ok := errors.AsType[*store.FieldError](err)
			if !ok || fe.Field != c.field || !strings.Contains(fe.Problem, c.problem) || !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s %.80q: %v, want one about %q", c.field, v, err, c.problem)
			}
		}
	}
	for _, f := range append(store.Fields(), store.NickField("7")) {
		if err := validate(f, ""); err == nil || !strings.Contains(err.Error(), "is empty") {
			t.Errorf("%s may be empty: %v", f, err)
		}
	}
}

func TestAValidationErrorNeverHoldsTheValue(t *testing.T) {
	t.Parallel()
	const canary = "canary4711"
	custom := store.CustomFields{{Key: "plan", Type: store.CustomSelect, Options: []string{"free"}}}
	for _, f := range everyField() {
		for _, v := range []string{canary + "\x00", "\n" + canary, `"` + canary + `"`, strings.Repeat(canary, 1000)} {
			p := store.Patch{Key: ann, Source: store.Pinned, At: noon, Set: map[store.Field]string{f: v}}
			err := p.Validate(custom)
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
}

func TestValidateTellsOfAllFieldsAtOnceSorted(t *testing.T) {
	t.Parallel()
	p := store.Patch{
		Key: ann, Source: store.Declared, At: noon,
		Set: map[store.Field]string{
			store.FieldWebsite: "no", store.FieldEmail: "no", store.FieldName: "Ann", store.CustomKey("plan"): `"gold"`,
		},
		Clear: []store.Field{"zzz", store.FieldGender},
	}
	for range 20 { // maps have no order
		err := p.Validate(nil)
		var all []store.Field
		for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
			fe, ok := errors.AsType[*store.FieldError](err)
			if !ok {
				t.Fatalf("%T", err)
			}
			all = append(all, fe.Field)
		}
		if want := "custom.plan email website zzz"; join(all) != want {
			t.Fatalf("problems with %v, want %s", all, want)
		}
		if fe, _ := errors.AsType[*store.FieldError](err); fe.Field != "custom.plan" {
			t.Fatalf("the first is %s", fe.Field)
		}
	}
}

func join(fields []store.Field) string {
	var words []string
	for _, f := range fields {
		words = append(words, string(f))
	}
	return strings.Join(words, " ")
}

func TestAPatchNeedsAKeyASourceAndATime(t *testing.T) {
	t.Parallel()
	good := store.Patch{Key: ann, At: noon, Clear: []store.Field{store.FieldName}}
	if err := good.Validate(nil); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*store.Patch){
		"key":    func(p *store.Patch) { p.Key = store.Key{Channel: "Telegram", UserID: "42"} },
		"source": func(p *store.Patch) { p.Source = store.Pinned + 1 },
		"time":   func(p *store.Patch) { p.At = time.Time{} },
	} {
		p := good
		change(&p)
		if err := p.Validate(nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
}
