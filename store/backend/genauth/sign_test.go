package genauth

import (
	"encoding/json"
	"math"
	"testing"
)

// The vendor's client made this signature.
func TestSignatureOfTheVendorsClient(t *testing.T) {
	t.Parallel()
	headers := map[string]string{
		"date":                        "Sun, 09 Oct 2022 06:14:00 GMT",
		"x-authing-lang":              "en-US",
		"x-authing-signature-method":  "HMAC-SHA1",
		"x-authing-signature-nonce":   "f02a938cdbcf1b1f10bf14887eda6659",
		"x-authing-signature-version": "1.0",
	}
	body := object{"userId": "telegram:42", "options": object{"userIdType": "external_id"}, "name": "Ann B"}
	text, err := stringToSign("POST", "/api/v3/update-user", headers, body)
	if err != nil {
		t.Fatal(err)
	}
	const want = "POST\ndate:Sun, 09 Oct 2022 06:14:00 GMT\nx-authing-lang:en-US\n" +
		"x-authing-signature-method:HMAC-SHA1\nx-authing-signature-nonce:f02a938cdbcf1b1f10bf14887eda6659\n" +
		"x-authing-signature-version:1.0\n" +
		`/api/v3/update-user?name=Ann B&options={"userIdType":"external_id"}&userId=telegram:42`
	if text != want {
		t.Errorf("signs\n%s\nnot\n%s", text, want)
	}
	if got := signature("secret", text); got != "RsPtXDIIBLqbcQTUG0gMEIoeV84=" {
		t.Errorf("the signature is %s", got)
	}
}

func TestSignsNothingAfterThePathWithoutParams(t *testing.T) {
	t.Parallel()
	text, err := stringToSign("GET", "/api/v3/x", map[string]string{"date": " a\tb\n"}, nil)
	if err != nil || text != "GET\ndate:a b\n/api/v3/x" {
		t.Errorf("%q, %v", text, err)
	}
}

// What JavaScript's JSON.stringify and Go's encoding/json write differently.
func TestJSONIsJavaScripts(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		`"<a href=\"x\">&</a>"`: `<a href="x">&</a>`,
		"\"\u2028\u2029\"":      "\u2028\u2029",
		`"\b\f\n\r\t\u0001\\"`:  "\b\f\n\r\t\x01\\",
		"\"\x7f\ufffd\"":        "\x7f\xff",
		"0":                     math.Copysign(0, -1),
		"1e+21":                 1e21,
		"1e-7":                  1e-7,
		"123456789012":          123456789012.0,
		"null":                  nil,
		"true":                  true,
		`{"2":"b","10":"a","01":"c","A":"e","a":"d"}`: object{"10": "a", "2": "b", "01": "c", "a": "d", "A": "e"},
		`{"k":[1,"x"]}`:                      object{"k": json.RawMessage(" [1, \"x\"]\n")},
		`["a","b"]`:                          []string{"a", "b"},
		`{"4294967294":"a","4294967295":""}`: object{"4294967295": "", "4294967294": "a"},
	} {
		b, err := appendJSON(nil, v)
		if err != nil || string(b) != want {
			t.Errorf("%#v becomes %s (%v), not %s", v, b, err, want)
		}
	}
	for _, v := range []any{math.NaN(), math.Inf(1), json.RawMessage("{"), 42, object{"a": struct{}{}}} {
		if b, err := appendJSON(nil, v); err == nil {
			t.Errorf("%#v becomes %s", v, b)
		}
	}
}

func TestSplitPhone(t *testing.T) {
	t.Parallel()
	for number, want := range map[string][2]string{
		"+14155552671":     {"+1", "4155552671"},
		"+79161234567":     {"+7", "9161234567"},
		"+8613800138000":   {"+86", "13800138000"},
		"+442071838750":    {"+44", "2071838750"},
		"+4915112345678":   {"+49", "15112345678"},
		"+420777123456":    {"+420", "777123456"},
		"+351912345678":    {"+351", "912345678"},
		"+85291234567":     {"+852", "91234567"},
		"+88213000000":     {"+882", "13000000"},
		"+2125551234567":   {"+212", "5551234567"},
		"+27821234567":     {"+27", "821234567"},
		"+99361234567":     {"+993", "61234567"},
		"+3":               {"+3", ""},
		"+98":              {"+98", ""},
		"+379061234567890": {"+379", "061234567890"},
	} {
		code, rest := splitPhone(number)
		if code != want[0] || rest != want[1] {
			t.Errorf("%s becomes %s and %s", number, code, rest)
		}
	}
}

func TestPoolOfAToken(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{
		"e30.eyJzY29wZWRfdXNlcnBvb2xfaWQiOiI2MjI5In0.sig":          "6229",
		"e30.eyJzY29wZWRfdXNlcnBvb2xfaWQiOiI2MjI5In0=.sig":         "6229",
		"e30.eyJzY29wZWRfdXNlcnBvb2xfaWQiOiJhXHJcblgtQTogYiJ9.sig": "", // a line break and a header
		"e30.eyJzY29wZWRfdXNlcnBvb2xfaWQiOjF9.sig":                 "",
		"e30.!!!.sig": "",
		"e30.e30":     "",
		"opaque":      "",
		"":            "",
	} {
		if got := poolOf(token); got != want {
			t.Errorf("%q is of pool %q", token, got)
		}
	}
}

func FuzzPoolOf(f *testing.F) {
	f.Add("e30.eyJzY29wZWRfdXNlcnBvb2xfaWQiOiI2MjI5In0.sig")
	f.Fuzz(func(t *testing.T, token string) {
		if pool := poolOf(token); pool != "" && (!inHeader(pool) || len(pool) > 64) {
			t.Errorf("%q cannot stand in a header", pool)
		}
	})
}

func FuzzDecodeUser(f *testing.F) {
	f.Add([]byte(`{"userId":"a","customData":{"b":[1]},"identities":[{}],"loginsCount":"x"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if u, ok := decodeUser(data); ok && u.UserID == "" {
			t.Error("an account without an id")
		}
		for key, value := range decodeCustomData(data) {
			if _, err := appendJSON(nil, object{key: value}); err != nil {
				t.Errorf("cannot be sent back: %v", err)
			}
		}
	})
}

func TestUsernamesOfKeysFitAndDiffer(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, key := range []string{"telegram:42", "telegram:a_b", "telegram:a:b", "telegram_a:b", "telegram:ä", "telegram:a b", "telegram:A B", "discord:42"} {
		p := profileOf(t, key)
		name := keyUsername(p)
		if name == "" || len(name) > 64 {
			t.Errorf("%s is called %q", key, name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%s and %s are both called %s", key, other, name)
		}
		seen[name] = key
	}
	if name := keyUsername(profileOf(t, "telegram:42")); name != "telegram_42" {
		t.Errorf("telegram:42 is called %s", name)
	}
}
