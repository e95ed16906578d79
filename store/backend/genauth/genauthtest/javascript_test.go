package genauthtest

import (
	"net/http"
	"strings"
	"testing"
)

// The vendor's client made this signature.
func TestSignatureOfTheVendorsClient(t *testing.T) {
	t.Parallel()
	text, ok := signedText("authing", Call{
		Method: http.MethodPost, Path: "/api/v3/update-user",
		Header: http.Header{
			"Date": {"Sun, 09 Oct 2022 06:14:00 GMT"}, "X-Authing-Lang": {"en-US"}, "X-Genauth-Lang": {"not signed"}, "Accept": {"not signed"},
			"X-Authing-Signature-Method": {"HMAC-SHA1"}, "X-Authing-Signature-Version": {"1.0"},
			"X-Authing-Signature-Nonce": {"f02a938cdbcf1b1f10bf14887eda6659"},
		},
		Body: []byte(`{"userId":"telegram:42", "options": {"userIdType":"external_id"},"name":"Ann B"}`),
	})
	if got := sign("secret", text); !ok || got != "RsPtXDIIBLqbcQTUG0gMEIoeV84=" {
		t.Errorf("%t: the signature is %s, of\n%s", ok, got, text)
	}
}

func TestStringify(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		` { "b" : 1 , "10":2, "2":[ true , null,"x" ], "b":3 } `: `{"2":[true,null,"x"],"10":2,"b":3}`,
		`"\u003ca\u003e\u2028\u00e4\/"`:                          "\"<a>\u2028ä/\"",
		`"\\u2028"`:                                              `"\\u2028"`,
		`1.0`:                                                    `1`,
		`-0`:                                                     `0`,
		`1e21`:                                                   `1e+21`,
		`0.0000001`:                                              `1e-7`,
		`"a\"b"`:                                                 `"a\"b"`,
		`{"4294967295":1,"4294967294":2}`:                        `{"4294967294":2,"4294967295":1}`,
		`{}`:                                                     `{}`,
		`[]`:                                                     `[]`,
	} {
		if got, err := stringify([]byte(raw)); err != nil || got != want {
			t.Errorf("%s becomes %s (%v), not %s", raw, got, err, want)
		}
	}
}

func FuzzReadObject(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,"\u2028"]},"a":null}`))
	f.Add([]byte(`{"a":1e400}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		members, err := readObject(raw)
		if err != nil {
			return
		}
		for _, m := range members {
			text, err := stringify(m.value)
			if err != nil {
				continue
			}
			again, err := stringify([]byte(text))
			if err != nil || again != text || strings.Contains(text, "\n") {
				t.Errorf("%s becomes %s and then %s (%v)", m.value, text, again, err)
			}
		}
	})
}
