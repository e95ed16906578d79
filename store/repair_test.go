package store_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

// everyField is every field a value can be stated of.
func everyField() []store.Field {
	return append(store.Fields(), store.NickField("7"), store.CustomKey("plan"))
}

func TestHarmfulTextIsRepaired(t *testing.T) {
	t.Parallel()
	for _, raw := range hostile.Texts {
		for _, f := range everyField() {
			value, ok := store.Repair(f, raw)
			if err := hostile.Check(value); err != nil {
				t.Errorf("%s: %.60q became %.60q: %v", f, raw, value, err)
			}
			if !ok && value != "" {
				t.Errorf("%s: %.60q is refused and not empty", f, raw)
			}
		}
	}
	for _, raw := range hostile.Harmful {
		if value, ok := store.Repair(store.FieldName, raw); !ok || value == raw {
			t.Errorf("%.60q became %.60q, %v", raw, value, ok)
		}
	}
	t.Attr("figure", fmt.Sprintf("%d texts in %d fields", len(hostile.Texts), len(everyField())))
}

func TestHonestTextIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, raw := range hostile.Honest {
		if value, ok := store.Repair(store.FieldName, raw); !ok || value != raw {
			t.Errorf("%q became %q, %v", raw, value, ok)
		}
		if err := hostile.Check(raw); err != nil {
			t.Errorf("the corpus is wrong: %q: %v", raw, err)
		}
	}
}

func TestWhatRepairMakesOfText(t *testing.T) {
	t.Parallel()
	const england = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
	for _, c := range []struct{ name, raw, want string }{
		{"a line break is a space", "a\nb\tc\u2028d\u2029e", "a b c d e"},
		{"a carriage return is nothing", "a\r\nb", "a b"},
		{"control characters go", "a\x00\x1b\x7f\u0085b", "ab"},
		{"bidi controls go", "\u202eann\u2066\u200f\u061c", "ann"},
		{"the invisible goes", "\ufeffa\u200bn\u2060n", "ann"},
		{"what shows nothing goes", "\u3164\u115f\u1160\uffa0\u2800\u00ad\u034f\u180e\ufe0f\U000e0100\u3000\u200d", ""},
		{"what shows something stays", "\u3164ann\u2800", "\u3164ann\u2800"},
		{"noncharacters go", "a\ufdd0\uffff\U0001fffe", "a"},
		{"one replacement for a run of broken bytes", "a\xff\xfe\xfdb\xc3", "a\ufffdb\ufffd"},
		{"four marks stay", "a" + strings.Repeat("\u0301", 9) + "b", "a" + strings.Repeat("\u0301", 4) + "b"},
		{"a zero width space does not begin a new stack", "a\u0301\u0301\u0301\u0301\u200b\u0301", "a\u0301\u0301\u0301\u0301"},
		{"a soft hyphen does not begin a new stack", "a\u0301\u0301\u0301\u0301\u00ad\u0301", "a\u0301\u0301\u0301\u0301\u00ad"},
		{"a flag of tags stays", england, england},
		{"a flag of too few tags", "🏴\U000e0067\U000e0062\U000e007f", "🏴"},
		{"tags elsewhere go", "a\U000e0067\U000e0062" + england + "\U000e0067", "a" + england},
		{"spaces around go, once more after what hid them", " \u200b Ann \u202e ", "Ann"},
		{"nothing is left", "\u200b\x00 \n", ""},
	} {
		if got, ok := store.Repair(store.FieldName, c.raw); !ok || got != c.want {
			t.Errorf("%s: %+q became %+q, %v; want %+q", c.name, c.raw, got, ok, c.want)
		}
	}
}

func TestLongTextIsCutWhereACharacterEnds(t *testing.T) {
	t.Parallel()
	const family = "👨‍👩‍👧‍👦" // 7 code points
	for _, c := range []struct {
		name, raw, want string
		field           store.Field
	}{
		{"letters", strings.Repeat("W", 500), strings.Repeat("W", 128), store.FieldName},
		{"nicks too", strings.Repeat("W", 500), strings.Repeat("W", 128), store.NickField("7")},
		{"bios are longer", strings.Repeat("W", 5000), strings.Repeat("W", 1000), store.FieldBio},
		{"not within a family", strings.Repeat(family, 20), strings.Repeat(family, 18), store.FieldName},
		{"not within a flag", "a" + strings.Repeat("🇫🇷", 100), "a" + strings.Repeat("🇫🇷", 63), store.FieldName},
		{"not before a mark", strings.Repeat("W", 127) + "e\u0301", strings.Repeat("W", 127), store.FieldName},
		{"not within a Hangul syllable", strings.Repeat("W", 126) + "\u1112\u1161\u11ab", strings.Repeat("W", 126), store.FieldName},
		{"no space is left at the cut", strings.Repeat("W", 127) + " W", strings.Repeat("W", 127), store.FieldName},
		{"one endless character", "a" + strings.Repeat("\u200d", 500), "", store.FieldName},
	} {
		if got, ok := store.Repair(c.field, c.raw); !ok || got != c.want {
			t.Errorf("%s: got %+q, %v", c.name, got, ok)
		}
	}
}

func TestWhatRepairMakesOfFormats(t *testing.T) {
	t.Parallel()
	long := "https://example.org/" + strings.Repeat("a", 2100)
	for _, c := range []struct {
		field     store.Field
		raw, want string
	}{
		{store.FieldLocale, "pt-br", "pt-BR"},
		{store.FieldLocale, "pt_BR", "pt-BR"},
		{store.FieldLocale, "ZH-hant-tw", "zh-Hant-TW"},
		{store.FieldLocale, "en", "en"},
		{store.FieldLocale, "sgn-1994-biske-u-rg-gbzzzz-i-enochian", "sgn-1994-biske-u-rg-gbzzzz-i-enochian"}, // canonical forms all the way down
		{store.FieldPhoneNumber, "14155552671", "+14155552671"},
		{store.FieldPhoneNumber, "+1 (415) 555-2671", "+14155552671"},
		{store.FieldPhoneNumber, "\u202a+1\u00a0415\u2011555\u20112671\u202c", "+14155552671"},
		{store.FieldPhoneNumber, "+44 (0)20 7946 0958", "+442079460958"},
		{store.FieldPhoneNumber, "+888 0123 4567", "+88801234567"},
		{store.FieldGender, "male", "M"},
		{store.FieldGender, "f", "F"},
		{store.FieldGender, "U", "U"},
		{store.FieldEmail, " ann@example.org\n", "ann@example.org"},
		{store.FieldPicture, " https://example.org/a.png ", "https://example.org/a.png"},
		{store.FieldBirthdate, "1990-12-31", "1990-12-31"},
		{store.FieldZoneinfo, "Europe/Paris", "Europe/Paris"},
		{store.FieldStatus, "blocked", "blocked"},
		{store.FieldIsPremium, "true", "true"},
		{store.FieldEmail, "  ", ""},
		{store.FieldPicture, "", ""},
		{store.FieldIsPremium, "", ""},
		{store.CustomKey("plan"), `"a\u202eb "`, `"ab"`},
		{store.CustomKey("plan"), ` 1.50 `, `1.5`},
		{store.CustomKey("plan"), `true`, `true`},
		{store.CustomKey("plan"), `"<\u2028"`, `"<"`},
		{store.CustomKey("plan"), `"\u200b"`, ""},
	} {
		if got, ok := store.Repair(c.field, c.raw); !ok || got != c.want {
			t.Errorf("%s: %+q became %+q, %v; want %+q", c.field, c.raw, got, ok, c.want)
		}
	}
	for _, c := range []struct {
		field store.Field
		raw   string
	}{
		{store.FieldLocale, "zz-not-a-language"},
		{store.FieldLocale, "und"},
		{store.FieldLocale, strings.Repeat("en-", 1000)},
		{store.FieldPhoneNumber, "0049 30 123456"},
		{store.FieldPhoneNumber, "+1 415 CALL NOW"},
		{store.FieldPhoneNumber, "+1234567890123456"},
		{store.FieldPhoneNumber, "+1415555" + strings.Repeat(" ", 5000) + "2671"},
		{store.FieldPhoneNumber, "--"},
		{store.FieldGender, "helicopter"},
		{store.FieldEmail, "ann"},
		{store.FieldEmail, "ann@exa\u202emple.org"},
		{store.FieldPicture, "http://example.org/a.png"},
		{store.FieldPicture, "https://example.org/\u202egnp.exe"},
		{store.FieldPicture, "javascript:alert(1)"},
		{store.FieldPicture, long},
		{store.FieldBirthdate, "1990-02-30"},
		{store.FieldZoneinfo, "Local"},
		{store.FieldStatus, "banned"},
		{store.FieldIsPremium, "yes"},
		{store.FieldIsPremium, "false"},
		{"shoe_size", "42"},
		{"", "Ann"},
		{store.NickField(""), "Ann"},
		{store.NickField("\xff"), "Ann"},
		{store.CustomKey(""), `"x"`},
		{store.CustomKey("a.b"), `"x"`},
		{store.CustomKey("plan"), `{"roles":["admin"]}`},
		{store.CustomKey("plan"), `null`},
		{store.CustomKey("plan"), `gold`},
		{store.CustomKey("plan"), `9007199254740993`},
		{store.CustomKey("plan"), `1e999`},
	} {
		if got, ok := store.Repair(c.field, c.raw); ok || got != "" {
			t.Errorf("%s: %.60q is kept as %.60q", c.field, c.raw, got)
		}
	}
}

var urlsWithAToken = []string{
	"https://api.telegram.org/file/bot123456:AAF-canary_x/photos/file_0.jpg",
	"https://files.example.org/file/bot1:s/photo.jpg",
	"https://example.org/FILE/BOT123456:AAF/x",
	"https://api.telegram.org/bot123456:AAF/getFile?file_id=1",
	"https://example.org/file%2Fbot123456%3AAAF%2Fx",
	"https://example.org/file/%62ot123456:AAF/x",
	"https://proxy.example.org/?u=https%3A%2F%2Fapi.telegram.org%2Ffile%2Fbot123456%3AAAF%2Fx",
	"https://proxy.example.org/?u=https%253A%252F%252Fapi.telegram.org%252Ffile%252Fbot123456%253AAAF%252Fx",
	"https://proxy.example.org/?bad=%zz&u=%2Fbot123456%3AAAF",
	"https://example.org/#/bot123456:AAF",
	"https://files.example.org/123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0/photos/file_0.jpg",
}

func TestAURLThatHoldsABotTokenIsRefused(t *testing.T) {
	t.Parallel()
	for _, u := range urlsWithAToken {
		for _, f := range []store.Field{
			store.FieldPicture, store.FieldProfile, store.FieldWebsite,
			store.FieldName, store.FieldBio, store.NickField("7"),
		} {
			if v, ok := store.Repair(f, u); ok {
				t.Errorf("%s keeps %s", f, v)
			}
		}
		if v, ok := store.Repair(store.CustomKey("avatar"), `"`+u+`"`); ok {
			t.Errorf("a custom field keeps %s", v)
		}
	}
	for _, u := range []string{
		"https://example.org/bot/1:2",
		"https://example.org/robots/bot42/a.png",
		"https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png?size=1024",
		"https://example.org:8443/a%20b?c=%25",
	} {
		if _, ok := store.Repair(store.FieldPicture, u); !ok {
			t.Errorf("%s is refused", u)
		}
	}
	t.Attr("figure", fmt.Sprintf("%d URLs", len(urlsWithAToken)))
}

func TestTenMegabytesCostNothing(t *testing.T) {
	for name, raw := range map[string]string{
		"letters":    strings.Repeat("W", 10<<20),
		"bytes":      strings.Repeat("\xff", 10<<20),
		"marks":      "a" + strings.Repeat("\u0301", 5<<20),
		"spaces":     strings.Repeat(" ", 10<<20),
		"emoji":      strings.Repeat("👨‍👩‍👧‍👦", 400_000),
		"end of URL": "https://example.org/" + strings.Repeat("%25", 3<<20),
	} {
		for _, f := range everyField() {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			value, _ := store.Repair(f, raw)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 32<<10 {
				t.Errorf("%s of %s: %d bytes allocated", f, name, n)
			}
			if sharesMemory(value, raw) {
				t.Errorf("%s of %s keeps all of the event in memory", f, name)
			}
		}
	}
}

func TestAChangedValueIsACopyOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, f := range everyField() {
		for _, raw := range []string{" Ann ", "Ann\n", strings.Repeat("Ann", 500), " https://example.org ", " en", " true "} {
			if value, ok := store.Repair(f, raw); ok && value != raw && sharesMemory(value, raw) {
				t.Errorf("%s: %.20q shares memory with what it was made of", f, raw)
			}
		}
	}
}

func sharesMemory(value, raw string) bool {
	if value == "" || raw == "" {
		return false
	}
	from := uintptr(unsafe.Pointer(unsafe.StringData(raw)))
	at := uintptr(unsafe.Pointer(unsafe.StringData(value)))
	return at >= from && at < from+uintptr(len(raw))
}

func TestACleanNameIsRepairedWithoutAllocation(t *testing.T) {
	for _, raw := range []string{"Ann-Marie O'Neil", "山田太郎", "👨‍👩‍👧‍👦 family", "שלום", "Nguyễn Thị Ngọc"} {
		if n := testing.AllocsPerRun(100, func() { store.Repair(store.FieldName, raw) }); n != 0 {
			t.Errorf("%q: %v allocations", raw, n)
		}
	}
}

func FuzzRepair(f *testing.F) {
	fields := everyField()
	for i, s := range hostile.Texts {
		f.Add(uint8(i), s)
		f.Add(uint8(0), s)
	}
	for i, s := range urlsWithAToken {
		f.Add(uint8(i), s)
	}
	for i, s := range []string{"pt-br", "i-klingon", "sr-Latn-RS", "zh-cmn-hans", "sgn-1994-biske-u-rg-gbzzzz-i-enochian", "+1 415 555 2671", `"a<b"`, "1e3", "0000-02-29"} {
		f.Add(uint8(20), s)
		f.Add(uint8(21+i), s)
		f.Add(uint8(len(fields)-1), s)
	}
	f.Fuzz(func(t *testing.T, which uint8, raw string) {
		field := fields[int(which)%len(fields)]
		value, ok := store.Repair(field, raw)
		if err := hostile.Check(value); err != nil {
			t.Fatalf("%s: %v", field, err)
		}
		if !ok {
			if value != "" {
				t.Fatal("refused and not empty")
			}
			return
		}
		if again, ok := store.Repair(field, value); !ok || again != value {
			t.Fatalf("%s: %+q became %+q, and then %+q, %v", field, raw, value, again, ok)
		}
		if utf8.RuneCountInString(value) > 4100 {
			t.Fatal("too long")
		}
		if value == "" {
			return
		}
		// What is repaired is valid, and what is valid is not repaired.
		p := store.Patch{Key: ann, At: noon, Set: map[store.Field]string{field: value}}
		if err := p.Validate(store.CustomFields{{Key: "plan", Type: customTypeOf(value)}}); err != nil {
			t.Fatalf("%+q: %v", value, err)
		}
	})
}

func customTypeOf(json string) store.CustomType {
	switch json[0] {
	case '"':
		return store.CustomString
	case 't', 'f':
		return store.CustomBoolean
	}
	return store.CustomNumber
}

func TestRepairLooksNoFurtherThanRepairLimit(t *testing.T) {
	for raw, want := range map[string]string{
		strings.Repeat(" ", store.RepairLimit-3) + "Ann Lee":       "Ann",
		strings.Repeat("\x01", store.RepairLimit) + "Ann":          "",
		strings.Repeat(" ", store.RepairLimit-1) + "é":             "",
		strings.Repeat(" ", store.RepairLimit-len("é")) + "é\x00b": "é",
	} {
		if got, ok := store.Repair(store.FieldGivenName, raw); !ok || got != want {
			t.Errorf("%q, %t; want %q", got, ok, want)
		}
	}
	url := "https://example.org/"
	for long, want := range map[string]bool{url + strings.Repeat("a", 100): true, url + strings.Repeat(" ", store.RepairLimit): false} {
		if _, ok := store.Repair(store.FieldWebsite, long); ok != want {
			t.Errorf("an URL of %d bytes: %t", len(long), ok)
		}
	}
}
