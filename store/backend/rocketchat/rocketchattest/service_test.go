package rocketchattest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

// An answer is what a request came to.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) text(key string) string {
	s, _ := a.body[key].(string)
	return s
}

func (a answer) user() map[string]any {
	u, _ := a.body["user"].(map[string]any)
	return u
}

func call(t *testing.T, s *rocketchattest.Service, path, body string, header ...string) answer {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	if body == "DELETE" {
		method, body = body, ""
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "/api/v1/"+path, strings.NewReader(body))
	r.Header.Set("X-User-Id", s.UserID())
	r.Header.Set("X-Auth-Token", s.Token())
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header()}
	if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
		t.Fatal(err)
	}
	if got := a.body["success"]; got != (a.status == http.StatusOK) {
		t.Errorf("%s: %d with success %v", path, a.status, got)
	}
	return a
}

const newAnn = `{"username":"ann","email":"ann@example.org","name":"Ann","password":"p"}`

func create(t *testing.T, s *rocketchattest.Service, body string) string {
	t.Helper()
	a := call(t, s, "users.create", body)
	id, _ := a.user()["_id"].(string)
	if id == "" {
		t.Fatalf("users.create: %+v", a)
	}
	return id
}

// refusedAs wants a refusal with this status, errorType and text.
func refusedAs(t *testing.T, a answer, status int, code, text string) {
	t.Helper()
	if a.status != status || a.text("errorType") != code || !strings.Contains(a.text("error"), text) {
		t.Errorf("the answer is %d %v, want %d %q %q", a.status, a.body, status, code, text)
	}
}

func TestOmittedBioAndNicknameAreErased(t *testing.T) {
	s := rocketchattest.New(nil)
	id := create(t, s, strings.Replace(newAnn, "{", `{"bio":"b","nickname":"n",`, 1))
	if u, _ := s.User("ann"); u.Bio != "b" || u.Nickname != "n" || !u.DefaultChannels {
		t.Fatalf("the user is %+v", u)
	}
	call(t, s, "users.update", `{"userId":"`+id+`","data":{"name":"Anna"}}`)
	if u, _ := s.User("ann"); u.Bio != "" || u.Nickname != "" || u.Name != "Anna" {
		t.Errorf("the user is %+v", u)
	}
}

func TestUnknownUsers(t *testing.T) {
	s := rocketchattest.New(nil)
	refusedAs(t, call(t, s, "users.info?username=nobody", ""), 400, "", "User not found.")
	refusedAs(t, call(t, s, "users.update", `{"userId":"x","data":{}}`), 400, "error-user-not-found", "User not found [error-user-not-found]")
	refusedAs(t, call(t, s, "users.delete", `{"userId":"x"}`), 400, "error-invalid-user", "does not match any users")
	s.Change(func(o *rocketchattest.Options) { o.Orphans = true })
	refusedAs(t, call(t, s, "users.update", `{"userId":"x","data":{"name":"Ann"}}`), 400, "", "User not found")
	if len(s.Users()) != 1 {
		t.Errorf("the server holds %v; some versions make an orphan", s.Users())
	}
	refusedAs(t, call(t, s, "users.nonsense", "{}"), 404, "", "not found")
}

func TestWhatIsTaken(t *testing.T) {
	s := rocketchattest.New(&rocketchattest.Options{BlockedUsernames: []string{"root"}})
	create(t, s, newAnn)
	with := func(key, value string) answer {
		body := map[string]string{"username": "bob", "email": "bob@example.org", "name": "Bob", "password": "p"}
		body[key] = value
		raw, _ := json.Marshal(body)
		return call(t, s, "users.create", string(raw))
	}
	refusedAs(t, with("username", "ANN"), 400, "error-field-unavailable", "ANN is already in use :( [error-field-unavailable]")
	refusedAs(t, with("email", "Ann@example.org"), 400, "error-field-unavailable", "already in use")
	refusedAs(t, with("username", "a b"), 400, "error-input-is-not-a-valid-field", "is not a valid username")
	refusedAs(t, with("username", "Root"), 400, "error-blocked-username", "")
	refusedAs(t, with("username", "here"), 400, "error-blocked-username", "")
	refusedAs(t, with("email", "nonsense"), 400, "error-invalid-email", "")
	refusedAs(t, with("name", "a<b"), 400, "", "Name contains invalid characters")
	refusedAs(t, with("name", "100%"), 400, "", "Name contains invalid characters")
	refusedAs(t, with("password", ""), 400, "error-the-field-is-required", "Password")
	id := create(t, s, strings.ReplaceAll(newAnn, "ann", "bob"))
	refusedAs(t, call(t, s, "users.update", `{"userId":"`+id+`","data":{"username":"Ann"}}`), 400, "error-could-not-save-identity", "Could not save user identity")
	refusedAs(t, call(t, s, "users.update", `{"userId":"`+id+`","data":{"email":"ann@example.org"}}`), 400, "error-field-unavailable", "")
	refusedAs(t, call(t, s, "users.update", `{"userId":"`+id+`","data":{"bio":"`+strings.Repeat("a", 261)+`"}}`), 400, "error-bio-size-exceeded", "")
	refusedAs(t, call(t, s, "users.update", `{"userId":"`+id+`","data":{"nickname":"`+strings.Repeat("a", 121)+`"}}`), 400, "error-nickname-size-exceeded", "")
}

func TestCustomFieldsAreDroppedMergedAndReplaced(t *testing.T) {
	s := rocketchattest.New(&rocketchattest.Options{CustomFields: map[string]rocketchattest.CustomField{
		"a": {MinLength: 2, MaxLength: 3}, "b": {Type: "select", Options: []string{"x", "y"}},
	}})
	id := create(t, s, strings.Replace(newAnn, "{", `{"customFields":{"a":" aa ","c":"dropped"},`, 1))
	update := func(custom string) answer {
		return call(t, s, "users.update", `{"userId":"`+id+`","data":{"customFields":`+custom+`}}`)
	}
	holds := func(want string) {
		t.Helper()
		u, _ := s.User("ann")
		if got := fmt.Sprint(u.CustomFields); got != want {
			t.Errorf("the custom fields are %s, want %s", got, want)
		}
	}
	holds("map[a:aa]")
	update(`{"b":"x"}`)
	holds("map[a:aa b:x]")
	s.Change(func(o *rocketchattest.Options) { o.ReplaceCustomFields = true })
	update(`{"b":"y"}`)
	holds("map[b:y]")
	for custom, want := range map[string]string{
		`{"a":"a"}`: "Min length of field a 2", `{"a":"aaaa"}`: "Max length of field a 3", `{"b":"z"}`: "Value for field b is invalid",
	} {
		refusedAs(t, update(custom), 400, "error-user-registration-custom-field", want)
	}
	s.Change(func(o *rocketchattest.Options) { o.CustomFields["r"] = rocketchattest.CustomField{Required: true} })
	refusedAs(t, update(`{}`), 400, "error-user-registration-custom-field", "Field r is required [error-user-registration-custom-field]")
	s.Change(func(o *rocketchattest.Options) { o.CustomFields = nil })
	if a := update(`{"a":"aa"}`); a.status != 200 {
		t.Errorf("without definitions: %v", a.body)
	}
	holds("map[b:y]")
}

func TestCredentialsBeforeAndAfter8(t *testing.T) {
	s := rocketchattest.New(&rocketchattest.Options{Without: []string{"delete-user", "create-user", "edit-other-user-info", "edit-other-user-avatar"}})
	id := s.Add(rocketchattest.User{Username: "ann"})
	for _, before8 := range []bool{true, false} {
		s.Change(func(o *rocketchattest.Options) { o.Before8 = before8 })
		stranger := call(t, s, "users.info?username=ann", "", "X-Auth-Token", "wrong")
		refusedAs(t, stranger, 401, "", "You must be logged in to do this.")
		if _, more := stranger.body["message"]; more != before8 || (stranger.text("status") == "error") != before8 {
			t.Errorf("before 8: %v, and the answer is %v", before8, stranger.body)
		}
		// The typed router looks at the body first.
		status, text := 400, "must NOT have additional properties"
		if before8 {
			status, text = 401, "logged in"
		}
		a := call(t, s, "users.update", `{"userId":"a","data":{"language":"x"}}`, "X-Auth-Token", "wrong")
		if a.status != status || !strings.HasPrefix(a.text("error"), text) && !before8 {
			t.Errorf("before 8: %v, and the answer is %d %v", before8, a.status, a.body)
		}
		a = call(t, s, "users.update", `{"userId":"a","data":{"language":"x"}}`)
		want := "must NOT have additional properties"
		if before8 {
			want += " [invalid-params]"
		}
		if a.text("error") != want || a.text("errorType") != "invalid-params" {
			t.Errorf("before 8: %v, and the answer is %v", before8, a.body)
		}
		missing := 401
		if before8 {
			missing = 403
		}
		refusedAs(t, call(t, s, "users.delete", `{"userId":"`+id+`"}`), missing, "", "unauthorized")
		refusedAs(t, call(t, s, "users.setAvatar", `{"userId":"`+id+`","avatarUrl":"u"}`), missing, "", "unauthorized")
		refusedAs(t, call(t, s, "users.resetAvatar", `{"userId":"`+id+`"}`), 400, "error-not-allowed", "")
		refusedAs(t, call(t, s, "users.create", newAnn), 400, "error-action-not-allowed", "Adding user is not allowed")
		refusedAs(t, call(t, s, "users.update", `{"userId":"`+id+`","data":{}}`), 400, "error-action-not-allowed", "Editing user is not allowed [error-action-not-allowed]")
	}
}

func TestTheLimiter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 500e6, time.UTC)
	s := rocketchattest.New(&rocketchattest.Options{Limit: 2, Now: func() time.Time { return now }})
	end := strconv.FormatInt(now.Add(time.Minute).UnixMilli(), 10)
	for left := 1; left >= 0; left-- {
		a := call(t, s, "users.info?username=the.admin", "")
		if a.status != 200 || a.header.Get("X-RateLimit-Limit") != "2" || a.header.Get("X-RateLimit-Remaining") != strconv.Itoa(left) ||
			a.header.Get("X-RateLimit-Reset") != end {
			t.Errorf("the answer is %d %v", a.status, a.header)
		}
		now = now.Add(10 * time.Second)
	}
	a := call(t, s, "users.info?username=the.admin", "")
	refusedAs(t, a, 429, "", "You must wait 40 seconds before trying this endpoint again. [error-too-many-requests]")
	if a.header.Get("Retry-After") != "" || a.header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("the headers are %v", a.header)
	}
	if a := call(t, s, "users.delete", `{"userId":"x"}`); a.status == 429 {
		t.Error("another endpoint is limited as well")
	}
	now = now.Add(40 * time.Second)
	if a := call(t, s, "users.info?username=the.admin", ""); a.status != 200 {
		t.Errorf("after the window: %d", a.status)
	}
}

func TestWhoMayNotSeeAll(t *testing.T) {
	s := rocketchattest.New(&rocketchattest.Options{
		Without:      []string{"view-full-other-user-info"},
		CustomFields: map[string]rocketchattest.CustomField{"open": {Public: true}, "closed": {}},
	})
	s.Add(rocketchattest.User{ID: "a", Username: "ann", Bio: "b", CustomFields: map[string]any{"open": "1", "closed": "2"}})
	u := call(t, s, "users.info?userId=a", "").user()
	if u["roles"] != nil || u["emails"] != nil || u["bio"] != "b" || fmt.Sprint(u["customFields"]) != "map[open:1]" {
		t.Errorf("it shows %v", u)
	}
	s.Change(func(o *rocketchattest.Options) { o.Without = nil })
	if u := call(t, s, "users.info?username=a", "").user(); u["roles"] == nil || fmt.Sprint(u["customFields"]) != "map[closed:2 open:1]" {
		t.Errorf("it shows %v", u)
	}
}

func TestMailsThatWouldHaveGone(t *testing.T) {
	s := rocketchattest.New(nil)
	id := create(t, s, newAnn)
	call(t, s, "users.update", `{"userId":"`+id+`","data":{"email":"new@example.org"}}`)
	call(t, s, "users.update", `{"userId":"`+id+`","data":{"email":"third@example.org","verified":true}}`)
	create(t, s, strings.Replace(strings.ReplaceAll(newAnn, "ann", "bob"), "{", `{"sendWelcomeEmail":true,`, 1))
	if got := fmt.Sprint(s.Mails()); got != "[ann@example.org new@example.org new@example.org bob@example.org]" {
		t.Errorf("mail to %s", got)
	}
}

func TestDeleting(t *testing.T) {
	s := rocketchattest.New(nil)
	id := s.Add(rocketchattest.User{Username: "ann", SoleOwner: true})
	refusedAs(t, call(t, s, "users.delete", `{"userId":"`+id+`"}`), 400, "user-last-owner", "")
	refusedAs(t, call(t, s, "users.delete", `{"userId":"`+s.UserID()+`"}`), 400, "error-action-not-allowed", "without admins")
	if a := call(t, s, "users.delete", `{"username":"ann","confirmRelinquish":true}`); a.status != 200 || len(s.Users()) != 0 {
		t.Errorf("the answer is %v", a.body)
	}
}

func TestVisitorsOfOneEmailAreOne(t *testing.T) {
	s := rocketchattest.New(nil)
	s.AddVisitor(rocketchattest.Visitor{Token: "first", Email: "ann@example.org", Phone: "+1"})
	call(t, s, "livechat/visitor", `{"visitor":{"token":"second","phone":"+1"}}`)
	if _, ok := s.Visitor("first"); !ok || len(s.Visitors()) != 1 {
		t.Errorf("the server holds %+v", s.Visitors())
	}
	call(t, s, "livechat/visitor", `{"visitor":{"token":"third","email":"ann@example.org"}}`)
	if _, ok := s.Visitor("third"); !ok || len(s.Visitors()) != 1 {
		t.Errorf("the server holds %+v", s.Visitors())
	}
	refusedAs(t, call(t, s, "livechat/visitor", `{"visitor":{"token":" "}}`), 400, "error-invalid-token", "")
	refusedAs(t, call(t, s, "livechat/visitor", `{"visitor":{"token":"a","email":"x"}}`), 400, "error-invalid-email", "")
	refusedAs(t, call(t, s, "livechat/visitor/nobody", "DELETE"), 400, "invalid-token", "")
	if a := call(t, s, "livechat/visitor/third", "DELETE"); a.status != 200 || len(s.Visitors()) != 0 {
		t.Errorf("the answer is %v", a.body)
	}
	for _, c := range s.Calls() {
		if strings.Contains(c.Route, "nobody") || strings.Contains(c.Route, "third") {
			t.Errorf("the route %s has a token in it", c.Route)
		}
	}
}

func TestAServiceIsSafeForConcurrentUse(t *testing.T) {
	s := rocketchattest.New(&rocketchattest.Options{CustomFields: map[string]rocketchattest.CustomField{"a": {}}})
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			body := strings.ReplaceAll(newAnn, "ann", fmt.Sprint("ann", i))
			call(t, s, "users.create", strings.Replace(body, "{", `{"customFields":{"a":"b"},`, 1))
			for _, u := range s.Users() {
				u.CustomFields["a"] = "a copy"
			}
			s.Edit("ann0", func(u *rocketchattest.User) { u.Name = "x" })
			_, _, _ = s.Calls(), s.Mails(), s.Visitors()
		})
	}
	running.Wait()
	for _, u := range s.Users() {
		if u.CustomFields["a"] != "b" {
			t.Error("what an accessor returns is not a copy")
		}
	}
	s.Remove(s.Users()[0].ID)
	s.Forget()
	if len(s.Users()) != 7 || len(s.Calls()) != 0 {
		t.Errorf("%d users, %d calls", len(s.Users()), len(s.Calls()))
	}
}

func Example() {
	service := rocketchattest.New(nil)
	server := httptest.NewServer(service)
	defer server.Close()

	// Here the bot under test is given server.URL, service.UserID() and
	// service.Token(), and somebody talks to it. Then:
	for _, user := range service.Users() {
		fmt.Println(user.Username, user.Name)
	}
	fmt.Println(len(service.Calls()), "calls")
	// Output: 0 calls
}

// A profile that still has the id of a workspace that is gone must not reach
// somebody else's account in the next one.
func TestNoOtherWorkspaceHasAnID(t *testing.T) {
	id := rocketchattest.New(nil).Add(rocketchattest.User{Username: "ann"})
	if other := rocketchattest.New(nil).Add(rocketchattest.User{Username: "eli"}); len(id) != 17 || id == other {
		t.Errorf("the ids of two workspaces are %q and %q, want 17 characters that differ", id, other)
	}
}
