package genauthtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

// A client calls the service with a token, as anybody could.
type client struct {
	t     *testing.T
	s     *genauthtest.Service
	token string
	app   string
}

type reply struct {
	HTTP       int
	StatusCode int             `json:"statusCode"`
	APICode    int             `json:"apiCode"`
	Data       json.RawMessage `json:"data"`
}

// is reports the statusCode and apiCode.
func (r reply) is(status, code int) bool { return r.StatusCode == status && r.APICode == code }

func (r reply) account(t *testing.T) genauthtest.Account {
	t.Helper()
	var a genauthtest.Account
	if r.StatusCode != http.StatusOK || json.Unmarshal(r.Data, &a) != nil || a["userId"] == nil {
		t.Fatalf("no account, but %d %d %s", r.StatusCode, r.APICode, r.Data)
	}
	return a
}

func (c client) call(method, path, body string) reply {
	c.t.Helper()
	r := httptest.NewRequestWithContext(c.t.Context(), method, path, strings.NewReader(body))
	if c.token != "" {
		r.Header.Set("Authorization", c.token)
	}
	if c.app != "" {
		r.Header.Set("X-Authing-App-Id", c.app)
	}
	w := httptest.NewRecorder()
	c.s.ServeHTTP(w, r)
	answer := reply{HTTP: w.Code}
	if err := json.NewDecoder(w.Body).Decode(&answer); err != nil && err != io.EOF {
		c.t.Fatal(err)
	}
	return answer
}

func (c client) get(path string) reply {
	c.t.Helper()
	return c.call(http.MethodGet, "/api/v3/"+path, "")
}
func (c client) post(path, body string) reply {
	c.t.Helper()
	return c.call(http.MethodPost, "/api/v3/"+path, body)
}

func signIn(t *testing.T, o *genauthtest.Options) client {
	t.Helper()
	c := client{t: t, s: genauthtest.New(o)}
	var token struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	r := c.post("get-management-token", fmt.Sprintf(`{"accessKeyId":%q,"accessKeySecret":%q}`, c.s.AccessKeyID(), c.s.AccessKeySecret()))
	if json.Unmarshal(r.Data, &token) != nil || token.Token == "" || token.ExpiresIn == 0 {
		t.Fatalf("no token, but %s", r.Data)
	}
	c.token = token.Token
	return c
}

func TestCreateWantsAnIdentifier(t *testing.T) {
	t.Parallel()
	c := signIn(t, nil)
	if r := c.post("create-user", `{"externalId":"a"}`); !r.is(400, 0) || r.HTTP != 200 {
		t.Errorf("%+v", r)
	}
	for i, body := range []string{`{"username":"a"}`, `{"email":"a@example.org"}`, `{"phone":"777123456","phoneCountryCode":"+420"}`} {
		a := c.post("create-user", body).account(t)
		if a["status"] != "Activated" || a["gender"] != "U" || a["emailVerified"] != false || len(c.s.Accounts()) != i+1 {
			t.Errorf("%v", a)
		}
	}
}

func TestWhatIsUnique(t *testing.T) {
	t.Parallel()
	c := signIn(t, nil)
	id := c.post("create-user", `{"username":"a","email":"a@example.org","phone":"777","externalId":"x"}`).account(t)["userId"]
	other := c.post("create-user", `{"username":"b"}`).account(t)["userId"]
	for body, free := range map[string]bool{
		`{"username":"a"}`:                                         false,
		`{"username":"A"}`:                                         true,
		`{"username":"n1","email":"A@EXAMPLE.org"}`:                false,
		`{"username":"n2","phone":"777"}`:                          false,
		`{"username":"n3","phone":"777","phoneCountryCode":"+86"}`: false, // which is the default
		`{"username":"n4","phone":"777","phoneCountryCode":"+1"}`:  true,
		`{"username":"n5","externalId":"x"}`:                       false,
	} {
		if r := c.post("create-user", body); r.is(409, 0) == free {
			t.Errorf("%s: %+v", body, r)
		}
	}
	if r := c.post("update-user", fmt.Sprintf(`{"userId":%q,"name":"B","email":"a@example.org"}`, other)); !r.is(409, 0) {
		t.Errorf("%+v", r)
	}
	if a := c.s.Accounts()[1]; a["name"] != nil {
		t.Errorf("a refused update changed %v", a)
	}
	c.post("update-user", fmt.Sprintf(`{"userId":%q,"email":"a@example.org"}`, id)).account(t) // its own
}

func TestAccountsAreFoundByTheirIDs(t *testing.T) {
	t.Parallel()
	c := signIn(t, nil)
	id := c.s.Put(genauthtest.Account{"username": "a", "email": "a@example.org", "phone": "777", "externalId": "telegram:42", "customData": map[string]any{"k": "v"}})
	for _, query := range []string{"userId=" + id, "userIdType=user_id&userId=" + id, "userIdType=external_id&userId=telegram:42",
		"userIdType=email&userId=A@example.org", "userIdType=username&userId=a", "userIdType=phone&userId=777"} {
		if a := c.get("get-user?" + query).account(t); a["userId"] != id || a["customData"] != nil {
			t.Errorf("%s: %v", query, a)
		}
	}
	if a := c.get("get-user?withCustomData=true&userId=" + id).account(t); a.Custom("k") != "v" {
		t.Errorf("%v", a)
	}
	if r := c.get("get-user?userIdType=external_id&userId=telegram:43"); !r.is(404, 2004) || r.HTTP != 200 {
		t.Errorf("%+v", r)
	}
	for _, query := range []string{"", "userIdType=telepathy&userId=a"} {
		if r := c.get("get-user?" + query); !r.is(400, 0) {
			t.Errorf("%s: %+v", query, r)
		}
	}
	for body, exists := range map[string]bool{`{"externalId":"telegram:42"}`: true, `{"email":"a@EXAMPLE.org"}`: true, `{"username":"b"}`: false} {
		if r := c.post("is-user-exists", body); string(r.Data) != fmt.Sprintf(`{"exists":%t}`, exists) {
			t.Errorf("%s: %s", body, r.Data)
		}
	}
	if r := c.post("is-user-exists", `{}`); !r.is(400, 0) {
		t.Errorf("%+v", r)
	}
}

func TestValuesAreChecked(t *testing.T) {
	t.Parallel()
	c := signIn(t, &genauthtest.Options{Username: regexp.MustCompile(`^[a-z]+$`)})
	for _, values := range []string{
		`"gender":"W"`, `"gender":"female"`, `"birthdate":"1990"`, `"status":"Deleted"`, `"email":"nobody"`,
		`"phone":"+420777"`, `"phoneCountryCode":"420"`, `"username":"a_b"`, `"name":42`, `"emailVerified":"true"`, `"nick":"x"`,
		`"customData":"x"`, `"name":{}`, `"name":true`,
	} {
		if r := c.post("create-user", `{"email":"a@example.org",`+values+`}`); !r.is(400, 0) {
			t.Errorf("%s: %+v", values, r)
		}
	}
	for _, body := range []string{``, `null`, `[]`, `{`} {
		if r := c.post("create-user", body); !r.is(400, 0) {
			t.Errorf("%q: %+v", body, r)
		}
	}
	if n := len(c.s.Accounts()); n != 0 {
		t.Errorf("there are %d", n)
	}
	c.post("create-user", `{"username":"a","gender":"F","birthdate":"1990-12-31","emailVerified":true}`).account(t)
	c.post("create-user", `{"username":"b","birthdate":"1990-12-31T00:00:00.000Z","status":"Suspended"}`).account(t)
}

func TestBlanks(t *testing.T) {
	t.Parallel()
	for _, o := range []genauthtest.Blank{genauthtest.Clears, genauthtest.Ignored, genauthtest.Refused} {
		for _, blank := range []string{`null`, `""`} {
			c := signIn(t, &genauthtest.Options{Null: o, Empty: o})
			id := c.s.Put(genauthtest.Account{"username": "a", "nickname": "x"})
			r := c.post("update-user", fmt.Sprintf(`{"userId":%q,"nickname":%s}`, id, blank))
			a := c.s.Accounts()[0]
			if r.is(400, 0) != (o == genauthtest.Refused) || (a["nickname"] == nil) != (o == genauthtest.Clears) {
				t.Errorf("%d, %s: %+v, %v", o, blank, r, a)
			}
		}
	}
}

func TestCustomDataWantsDefinitions(t *testing.T) {
	t.Parallel()
	define := func(s *genauthtest.Service) {
		s.Define(genauthtest.CustomField{Key: "s", DataType: "STRING", Unique: true}, genauthtest.CustomField{Key: "n", DataType: "NUMBER"},
			genauthtest.CustomField{Key: "b", DataType: "BOOLEAN"}, genauthtest.CustomField{Key: "d", DataType: "DATETIME"},
			genauthtest.CustomField{Key: "e", DataType: "ENUM", Options: []string{"x"}})
	}
	c := signIn(t, nil)
	define(c.s)
	for data, ok := range map[string]bool{
		`{"s":"x","n":1,"b":true,"d":"2026-03-01","e":"x"}`: true,
		`{"s":1}`: false, `{"n":"1"}`: false, `{"b":"true"}`: false, `{"d":"soon"}`: false, `{"e":"y"}`: false, `{"z":1}`: false,
		`{"n":[]}`: false, `{"n":null}`: true,
	} {
		r := c.post("create-user", fmt.Sprintf(`{"username":%q,"customData":%s}`, data, data))
		if r.is(200, 0) != ok {
			t.Errorf("%s: %+v", data, r)
		}
	}
	if r := c.post("create-user", `{"username":"q","customData":{"s":"x"}}`); !r.is(409, 0) {
		t.Errorf("%+v", r)
	}
	if r := c.get("get-custom-fields?targetType=USER"); !strings.Contains(string(r.Data), `"dataType":"ENUM","isUnique":false,"key":"e"`) {
		t.Errorf("%s", r.Data)
	}
	if r := c.get("get-custom-fields?targetType=ROLE"); !r.is(400, 0) {
		t.Errorf("%+v", r)
	}
	for _, replaces := range []bool{false, true} {
		c := signIn(t, &genauthtest.Options{CustomReplaces: replaces, OnUndefined: genauthtest.DropUndefined})
		define(c.s)
		id := c.s.Put(genauthtest.Account{"username": "a", "customData": map[string]any{"n": 1.0}})
		c.post("update-user", fmt.Sprintf(`{"userId":%q,"customData":{"z":1,"b":true}}`, id)).account(t)
		a := c.s.Accounts()[0]
		if a.Custom("b") != true || a.Custom("z") != nil || (a.Custom("n") == nil) != replaces {
			t.Errorf("%v", a)
		}
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		c := signIn(t, &genauthtest.Options{StrictDelete: strict})
		a, b := c.s.Put(genauthtest.Account{"externalId": "a"}), c.s.Put(genauthtest.Account{"externalId": "b"})
		c.s.Put(genauthtest.Account{"externalId": "c"})
		if r := c.post("delete-users-batch", fmt.Sprintf(`{"userIds":[%q]}`, a)); string(r.Data) != `{"success":true}` {
			t.Errorf("%+v", r)
		}
		c.post("delete-users-batch", `{"userIds":["b"],"options":{"userIdType":"external_id"}}`)
		if all := c.s.Accounts(); len(all) != 1 || all[0]["externalId"] != "c" {
			t.Errorf("there are %v", all)
		}
		if r := c.post("delete-users-batch", fmt.Sprintf(`{"userIds":[%q]}`, b)); r.is(404, 2004) != strict {
			t.Errorf("%+v", r)
		}
		for _, body := range []string{`{}`, `{"userIds":[]}`, `{"userIds":["x"],"options":{"userIdType":"telepathy"}}`} {
			if r := c.post("delete-users-batch", body); !r.is(400, 0) {
				t.Errorf("%s: %+v", body, r)
			}
		}
	}
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := signIn(t, &genauthtest.Options{Now: func() time.Time { return now }})
	if r := c.get("get-custom-fields?targetType=USER"); !r.is(200, 0) {
		t.Errorf("%+v", r)
	}
	now = now.Add(7199 * time.Second)
	if r := c.get("get-custom-fields?targetType=USER"); !r.is(200, 0) {
		t.Errorf("%+v", r)
	}
	now = now.Add(time.Second)
	if r := c.get("get-custom-fields?targetType=USER"); !r.is(401, 2020) || r.HTTP != 200 {
		t.Errorf("%+v", r)
	}
	if c.s.TokensIssued() != 1 {
		t.Errorf("%d were issued", c.s.TokensIssued())
	}
}

func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	for form, want := range map[genauthtest.TokenForm][2]bool{
		genauthtest.AnyForm: {true, true}, genauthtest.BearerOnly: {true, false}, genauthtest.RawOnly: {false, true},
	} {
		c := signIn(t, &genauthtest.Options{TokenForm: form})
		for i, prefix := range []string{"Bearer ", ""} {
			with := c
			with.token = prefix + c.token
			if r := with.get("get-custom-fields?targetType=USER"); r.is(200, 0) != want[i] {
				t.Errorf("%d: %+v", form, r)
			}
		}
	}
	c := signIn(t, nil)
	for _, token := range []string{"", "Bearer x", "x", "authing x:y", "GenAuth " + c.s.AccessKeyID() + ":eA==", "Basic eDp5"} {
		with := c
		with.token = token
		if r := with.get("get-custom-fields?targetType=USER"); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %+v", token, r)
		}
	}
	if r := (client{t: t, s: c.s}).post("get-management-token", `{"accessKeyId":"x","accessKeySecret":"y"}`); !r.is(403, 2333) {
		t.Errorf("%+v", r)
	}
	old := signIn(t, &genauthtest.Options{Prefixes: []string{"genauth"}})
	old.app = "x" // a header of the other prefix
	if r := old.get("get-custom-fields?targetType=USER"); !r.is(401, 2020) {
		t.Errorf("%+v", r)
	}
}

func TestPeopleCallForThemselves(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Define(genauthtest.CustomField{Key: "k", DataType: "STRING"})
	id, other := s.Put(genauthtest.Account{"username": "a"}), s.Put(genauthtest.Account{"username": "b"})
	c := client{t: t, s: s, token: s.SignIn(id), app: s.AppID()}
	if a := c.post("update-profile", `{"nickname":"A","customData":{"k":"v"}}`).account(t); a["userId"] != id || a["nickname"] != "A" {
		t.Errorf("%v", a)
	}
	if a := c.get("get-profile?withCustomData=true").account(t); a.Custom("k") != "v" {
		t.Errorf("%v", a)
	}
	for body, status := range map[string]int{`{"email":"a@example.org"}`: 400, `{"givenName":"A"}`: 400, `{"userId":"x"}`: 400, `{"username":"b"}`: 409} {
		if r := c.post("update-profile", body); r.StatusCode != status {
			t.Errorf("%s: %+v", body, r)
		}
	}
	if r := c.get("get-user?userId=" + other); !r.is(401, 2020) {
		t.Errorf("a person may look at others: %+v", r)
	}
	owner := client{t: t, s: s, token: signIn(t, nil).token, app: s.AppID()}
	if r := owner.post("update-profile", `{"nickname":"A"}`); !r.is(401, 2020) {
		t.Errorf("%+v", r)
	}
	c.app = "another"
	if r := c.post("update-profile", `{"nickname":"B"}`); !r.is(404, 2011) {
		t.Errorf("%+v", r)
	}
	c.app = s.AppID()
	s.ExpireTokens()
	if r := c.post("update-profile", `{"nickname":"B"}`); !r.is(401, 2020) {
		t.Errorf("%+v", r)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	c := signIn(t, &genauthtest.Options{HTTPStatus: true, NotFound: genauthtest.Failure{StatusCode: 400, APICode: 2004}, Conflict: genauthtest.Failure{StatusCode: 409, APICode: 7}})
	c.s.Put(genauthtest.Account{"username": "a"})
	if r := c.get("get-user?userId=x"); !r.is(400, 2004) || r.HTTP != 400 {
		t.Errorf("%+v", r)
	}
	if r := c.post("create-user", `{"username":"a"}`); !r.is(409, 7) || r.HTTP != 409 {
		t.Errorf("%+v", r)
	}
	c.s.Fail("/api/v3/get-user", genauthtest.Failure{StatusCode: 429}, genauthtest.Failure{StatusCode: 603, HTTP: 503, RetryAfter: "7"})
	if r := c.get("get-user?userId=x"); !r.is(429, 0) || r.HTTP != 429 {
		t.Errorf("%+v", r)
	}
	if r := c.get("get-user?userId=x"); !r.is(603, 0) || r.HTTP != 503 {
		t.Errorf("%+v", r)
	}
	if r := c.get("get-user?userId=x"); !r.is(400, 2004) {
		t.Errorf("%+v", r)
	}
	if r := c.call(http.MethodGet, "/api/v3/create-user", ""); r.HTTP != 404 {
		t.Errorf("%+v", r)
	}
	if r := c.get("set-custom-fields"); r.HTTP != 404 {
		t.Errorf("%+v", r)
	}
}

func TestCopiesAreTheCallers(t *testing.T) {
	t.Parallel()
	c := signIn(t, nil)
	given := genauthtest.Account{"externalId": "a", "customData": map[string]any{"k": "v"}}
	c.s.Put(given)
	given["externalId"] = "b"
	got, ok := c.s.Account("a")
	if !ok {
		t.Fatal("it is not there")
	}
	got["customData"].(map[string]any)["k"] = "changed"
	clear(c.s.Calls()[0].Body)
	again, _ := c.s.Account("a")
	if !maps.Equal(again["customData"].(map[string]any), map[string]any{"k": "v"}) || c.s.Calls()[0].Body[0] != '{' {
		t.Error("a copy is not one")
	}
}

func Example() {
	service := genauthtest.New(nil)
	server := httptest.NewServer(service)
	defer server.Close()

	service.Put(genauthtest.Account{"externalId": "telegram:42", "nickname": "Annie"})
	account, ok := service.Account("telegram:42")
	fmt.Println(ok, account.Text("nickname"), account.Text("status"))
	// Output: true Annie Activated
}

// A profile that still has the id of a pool that is gone must not reach somebody
// else's account in the next one.
func TestNoOtherPoolHasAnID(t *testing.T) {
	id := genauthtest.New(nil).Put(genauthtest.Account{"username": "ann"})
	if other := genauthtest.New(nil).Put(genauthtest.Account{"username": "eli"}); len(id) != 24 || id == other {
		t.Errorf("the ids of two pools are %q and %q, want 24 digits that differ", id, other)
	}
}
