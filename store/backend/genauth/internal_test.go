package genauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

func profileOf(t *testing.T, channelUserID string) store.Profile {
	t.Helper()
	key, err := store.ParseKey(channelUserID)
	if err != nil {
		t.Fatal(err)
	}
	return store.Profile{Key: key}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answered returns what open says of an answer.
func answered(t *testing.T, status int, body string) (json.RawMessage, error) {
	t.Helper()
	c, err := rest.New("http://localhost", &rest.Options{Transport: transport(func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		w.WriteHeader(status)
		w.WriteString(body)
		return w.Result(), nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Call(t.Context(), rest.Request{Method: http.MethodGet, Path: "x"})
	return open(a, err)
}

func TestFailuresComeInsideOfHTTP200(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		http, status, code int
		want               error
		noUser, taken      bool
	}{
		{200, 400, 0, store.ErrInvalid, false, false},
		{200, 401, 2020, store.ErrDenied, false, false},
		{200, 402, 4021, store.ErrDenied, false, false},
		{200, 403, 2333, store.ErrDenied, false, false},
		{200, 403, 0, store.ErrDenied, false, false},
		{200, 400, 1303, store.ErrDenied, false, false}, // the signature is nobody's fault
		{200, 400, 2011, store.ErrDenied, false, false},
		{200, 404, 2224, store.ErrDenied, false, false}, // no such pool is not: no such person
		{200, 404, 2004, store.ErrUnavailable, true, false},
		{200, 404, 0, store.ErrUnavailable, true, false},
		{200, 400, 2004, store.ErrInvalid, true, false},
		{404, 404, 2004, store.ErrUnavailable, true, false},
		{404, 404, 0, store.ErrUnavailable, false, false}, // of a server that is another one
		{200, 403, 2005, store.ErrInvalid, false, false},
		{200, 409, 0, store.ErrInvalid, false, true},
		{409, 409, 2026, store.ErrInvalid, false, true},
		{200, 413, 0, store.ErrInvalid, false, false},
		{200, 422, 0, store.ErrInvalid, false, false},
		{200, 499, 0, store.ErrUnavailable, false, false},
		{200, 500, 0, store.ErrUnavailable, false, false},
		{200, 503, 0, store.ErrUnavailable, false, false},
		{200, 601, 0, store.ErrUnavailable, false, false},
		{200, 603, 0, store.ErrUnavailable, false, false},
		{200, 777, 0, store.ErrUnavailable, false, false},
		{500, 400, 0, store.ErrUnavailable, false, false}, // of whatever stands between
		{302, 400, 0, store.ErrDenied, false, false},
		{500, 200, 0, store.ErrUnavailable, false, false},
	} {
		t.Run(fmt.Sprint(c.http, c.status, c.code), func(t *testing.T) {
			_, err := answered(t, c.http, fmt.Sprintf(`{"statusCode":%d,"apiCode":%d,"message":"s3cret","data":null}`, c.status, c.code))
			if !errors.Is(err, c.want) {
				t.Errorf("the error is %v", err)
			}
			for _, other := range []error{store.ErrInvalid, store.ErrDenied, store.ErrUnavailable} {
				if other != c.want && errors.Is(err, other) {
					t.Errorf("the error also is %v", other)
				}
			}
			if noUser(err) != c.noUser || taken(err) != c.taken {
				t.Errorf("no user: %t, taken: %t", noUser(err), taken(err))
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error repeats the message: %v", err)
			}
		})
	}
}

func TestTooManyCallsIsHTTP429WithoutRetryAfter(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 429} {
		_, err := answered(t, status, `{"statusCode":429,"message":"您的请求已超过最大数量限制，请稍后重试"}`)
		throttled, ok := errors.AsType[*store.ThrottledError](err)
		if !ok || throttled.After != 0 {
			t.Errorf("at HTTP %d the error is %v", status, err)
		}
	}
}

func TestSuccessNeedsTheStatusCode(t *testing.T) {
	t.Parallel()
	data, err := answered(t, 200, `{"statusCode":200,"data":{"a":1}}`)
	if err != nil || string(data) != `{"a":1}` {
		t.Errorf("%s, %v", data, err)
	}
	for _, body := range []string{`{}`, `{"data":{"userId":"a"}}`, `null`, `[]`, `"200"`, ``, `<html>`, `{"statusCode":"200"}`} {
		if _, err := answered(t, 200, body); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s is %v", body, err)
		}
	}
}

func TestOddTypesInAnAnswerAreLeftOut(t *testing.T) {
	t.Parallel()
	u, ok := decodeUser([]byte(`{"loginsCount":"many","userId":"a","name":"Ann","customData":[],"identities":{},"emailVerified":1,"nickname":null}`))
	if !ok || u.UserID != "a" || u.Name != "Ann" {
		t.Errorf("%t, %#v", ok, u)
	}
	for _, data := range []string{`{"name":"Ann"}`, `{"userId":7}`, `null`, `[]`, `"a"`, `{`} {
		if _, ok := decodeUser([]byte(data)); ok {
			t.Errorf("%s is an account", data)
		}
	}
}

// The keys of UserDto in the vendor's own Node client, of both names.
func TestUserHasAllThatIsDocumented(t *testing.T) {
	t.Parallel()
	keys := strings.Fields(`userId createdAt updatedAt status workStatus externalId email phone phoneCountryCode username name
		nickname photo loginsCount lastLogin lastIp gender emailVerified phoneVerified passwordLastSetAt birthdate country
		province city address streetAddress postalCode company browser device givenName familyName middleName profile
		preferredUsername website zoneinfo locale formatted region userSourceType userSourceId lastLoginApp mainDepartmentId
		lastMfaTime passwordSecurityLevel resetPasswordOnNextLogin registerSource departmentIds identities identityNumber
		customData metadataSource postIdList statusChangedAt tenantId signedUp`)
	document := make(map[string]any, len(keys))
	for _, key := range keys {
		switch key {
		case "loginsCount", "passwordSecurityLevel":
			document[key] = 3
		case "emailVerified", "phoneVerified", "resetPasswordOnNextLogin":
			document[key] = true
		case "registerSource", "departmentIds", "postIdList":
			document[key] = []string{"one"}
		case "customData", "metadataSource":
			document[key] = map[string]any{"a": 1}
		case "identities":
			document[key] = []map[string]any{{
				"identityId": "a", "extIdpId": "b", "provider": "github", "type": "openid", "userIdInIdp": "c",
				"originConnIds": []string{"d"}, "accessToken": "not for us", "refreshToken": "not for us",
			}}
		default:
			document[key] = "text of " + key
		}
	}
	data, _ := json.Marshal(document)
	u, ok := decodeUser(data)
	if !ok {
		t.Fatal("no account")
	}
	v := reflect.ValueOf(*u)
	if v.NumField() != len(keys) {
		t.Errorf("a User has %d fields, and the documentation %d", v.NumField(), len(keys))
	}
	for f, value := range v.Fields() {
		if value.IsZero() {
			t.Errorf("%s did not arrive", f.Name)
		}
	}
	if id := reflect.ValueOf(u.Identities[0]); id.IsZero() || id.FieldByName("OriginConnIDs").Len() != 1 {
		t.Errorf("the identity is %+v", u.Identities[0])
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, u); strings.Contains(text, "nickname") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func TestConversions(t *testing.T) {
	t.Parallel()
	enum := definition{Key: "k", DataType: "ENUM"}
	if err := json.Unmarshal([]byte(`{"key":"k","dataType":"ENUM","options":[{"value":"a","label":"A"}]}`), &enum); err != nil {
		t.Fatal(err)
	}
	of := func(dataType string) definition { return definition{Key: "k", DataType: dataType} }
	for _, c := range []struct {
		def  definition
		v    any
		want any // nil: a problem
	}{
		{of("STRING"), "text", "text"},
		{of("STRING"), 1.5, "1.5"},
		{of("STRING"), true, "true"},
		{of("NUMBER"), 42.0, 42.0},
		{of("NUMBER"), "42", 42.0},
		{of("NUMBER"), "forty", nil},
		{of("NUMBER"), "NaN", nil},
		{of("NUMBER"), "Inf", nil},
		{of("NUMBER"), true, nil},
		{of("BOOLEAN"), true, true},
		{of("BOOLEAN"), "false", false},
		{of("BOOLEAN"), 1.0, nil},
		{of("DATETIME"), "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"},
		{of("DATETIME"), "2026-03-01", "2026-03-01"},
		{of("DATETIME"), "soon", nil},
		{of("DATETIME"), 5.0, nil},
		{enum, "a", "a"},
		{enum, "A", nil},
		{definition{Key: "k", DataType: "SELECT", Options: enum.Options}, "a", "a"},
		{of("NOVEL"), "a", nil},
		{definition{}, "a", nil},
		{of("STRING"), []any{}, nil},
	} {
		got, problem := c.def.convert(c.v)
		if got != c.want || (problem == "") != (c.want != nil) {
			t.Errorf("%#v for a %s becomes %#v (%s)", c.v, c.def.DataType, got, problem)
		}
	}
}
