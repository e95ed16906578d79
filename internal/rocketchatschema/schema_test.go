package rocketchatschema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

type object = map[string]any

// TestTheTable is what is known of the schemas, for them and for the double.
func TestTheTable(t *testing.T) {
	example := object{"userId": "a", "data": object{
		"email": "ann@example.org", "name": "Ann", "username": "ann", "password": "p", "active": true, "roles": []string{"user"},
		"requirePasswordChange": false, "sendWelcomeEmail": false, "verified": true, "customFields": object{"twitter": "@ann"},
	}}
	create := func(change func(object)) object {
		body := object{"email": "ann@example.org", "name": "Ann", "username": "ann", "password": "p"}
		change(body)
		return body
	}
	const extra = "must NOT have additional properties"
	table := []struct {
		name, schema string
		body         object
		want         string
	}{
		{"an example of the documentation", "users.update", example, ""},
		{"nothing to change", "users.update", object{"userId": "a", "data": object{}}, ""},
		{"joinDefaultChannels in an update", "users.update", object{"userId": "a", "data": object{"joinDefaultChannels": false}}, extra},
		{"language", "users.update", object{"userId": "a", "data": object{"language": "en"}}, extra},
		{"settings", "users.update", object{"userId": "a", "data": object{"settings": object{}}}, extra},
		{"an empty userId", "users.update", object{"userId": "", "data": object{}}, "must NOT have fewer than 1 characters"},
		{"null", "users.update", object{"userId": "a", "data": object{"name": nil, "bio": nil, "roles": nil}}, ""},
		{"a number for a text", "users.update", object{"userId": 42, "data": object{"name": 42}}, ""},
		{"a text for custom fields", "users.update", object{"userId": "a", "data": object{"customFields": "x"}}, "must be object"},
		{"no data", "users.update", object{"userId": "a"}, "must have required property 'data'"},
		{"a new user", "users.create", create(func(object) {}), ""},
		{"joinDefaultChannels of a new user", "users.create", create(func(o object) { o["joinDefaultChannels"] = false }), ""},
		{"no email", "users.create", create(func(o object) { delete(o, "email") }), "must have required property 'email'"},
		{"no name", "users.create", create(func(o object) { delete(o, "name") }), "must have required property 'name'"},
		{"no username", "users.create", create(func(o object) { delete(o, "username") }), "must have required property 'username'"},
		{"no password", "users.create", create(func(o object) { delete(o, "password"); o["setRandomPassword"] = true }), "must have required property 'password'"},
		{"importIds", "users.create", create(func(o object) { o["importIds"] = []string{"a"} }), extra},
		{"roles that are null", "users.create", create(func(o object) { o["roles"] = nil }), "must be array"},
		{"one key", "users.info", object{"username": "ann"}, ""},
		{"another key", "users.info", object{"userId": "a"}, ""},
		{"two keys", "users.info", object{"username": "ann", "userId": "a"}, extra},
		{"no key", "users.info", object{}, "must have required property 'userId'"},
		{"a picture", "users.setAvatar", object{"avatarUrl": "https://example.org/a.png", "userId": "a"}, ""},
		{"a file in JSON", "users.setAvatar", object{"image": "x"}, extra},
	}
	questions := make([]question, len(table))
	for i, c := range table {
		questions[i] = question{c.schema, c.body}
	}
	for i, verdict := range ask(t, questions) {
		c := table[i]
		if verdict != c.want {
			t.Errorf("%s, by the schema of %s: %q, want %q", c.name, c.schema, verdict, c.want)
		}
		if verdict := double(t, c.schema, c.body); verdict != c.want {
			t.Errorf("%s, by the double of %s: %q, want %q", c.name, c.schema, verdict, c.want)
		}
	}
}

// double returns what the double says of a body, "" where its schema lets it pass.
func double(t *testing.T, route string, body object) string {
	t.Helper()
	service := rocketchattest.New(nil)
	method, raw := http.MethodPost, []byte(nil)
	target := url.URL{Path: "/api/v1/" + route}
	if route == "users.info" {
		method = http.MethodGet
		query := make(url.Values)
		for key, v := range body {
			query.Set(key, fmt.Sprint(v))
		}
		target.RawQuery = query.Encode()
	} else {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target.String(), bytes.NewReader(raw))
	r.Header.Set("X-User-Id", service.UserID())
	r.Header.Set("X-Auth-Token", service.Token())
	w := httptest.NewRecorder()
	service.ServeHTTP(w, r)
	var answer struct{ Error, ErrorType string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(answer.ErrorType, "invalid-params") {
		return ""
	}
	return answer.Error
}

// TestTheDoubleAgrees asks both about bodies that nobody thought of.
func TestTheDoubleAgrees(t *testing.T) {
	keys := map[string][]string{
		"users.create": {
			"email", "name", "password", "username", "active", "bio", "nickname", "statusText", "roles", "joinDefaultChannels",
			"requirePasswordChange", "setRandomPassword", "sendWelcomeEmail", "verified", "customFields", "fields", "freeSwitchExtension", "language",
		},
		"users.update": {
			"email", "name", "password", "username", "active", "bio", "nickname", "statusText", "roles", "status",
			"requirePasswordChange", "setRandomPassword", "sendWelcomeEmail", "verified", "customFields", "freeSwitchExtension", "settings",
		},
		"users.setAvatar": {"avatarUrl", "userId", "username", "image"},
	}
	values := []any{"", "text", "true", "false", "1", 0, 1, 2, 1.5, true, false, nil, []any{}, []any{"a"}, []any{1}, []any{object{}}, object{}, object{"a": 1}}
	random := rand.New(rand.NewPCG(1, 2))
	var questions []question
	for _, route := range []string{"users.create", "users.update", "users.setAvatar"} {
		for range 500 {
			body := make(object)
			if route == "users.create" {
				for _, key := range keys[route][:4] {
					body[key] = "x"
				}
			}
			for range random.IntN(3) {
				body[keys[route][random.IntN(len(keys[route]))]] = values[random.IntN(len(values))]
			}
			if route == "users.update" {
				body = object{"userId": values[random.IntN(len(values))], "data": body}
			}
			questions = append(questions, question{route, body})
		}
	}
	passed := 0
	for i, verdict := range ask(t, questions) {
		q := questions[i]
		body, _ := q.Body.(object)
		if mine := double(t, q.Schema, body); (mine == "") != (verdict == "") {
			text, _ := json.Marshal(body)
			t.Errorf("%s of %s: the schema says %q, and the double %q", text, q.Schema, verdict, mine)
		}
		if verdict == "" {
			passed++
		}
	}
	if passed == 0 || passed == len(questions) {
		t.Errorf("%d of %d bodies pass: that asks nothing", passed, len(questions))
	}
}

// TestOurRequests sends people of all kinds to the double, and then every request
// that came, and every refusal that went, through the schemas.
func TestOurRequests(t *testing.T) {
	var questions []question
	count := make(map[string]int)
	for _, before8 := range []bool{false, true} {
		service := rocketchattest.New(&rocketchattest.Options{
			Before8: before8, Factor: "password", Password: "p",
			CustomFields: map[string]rocketchattest.CustomField{"tier": {Type: "text"}, "key": {Type: "text"}},
		})
		answers := &recorder{next: service}
		deliverAll(t, service, answers)
		for _, call := range service.Calls() {
			var body any
			switch call.Route {
			case "users.info":
				query := make(object)
				for key := range call.Query {
					query[key] = call.Query.Get(key)
				}
				body = query
			case "users.create", "users.update", "users.setAvatar", "users.resetAvatar":
				if err := json.Unmarshal(call.Body, &body); err != nil {
					t.Fatal(err)
				}
			default: // of these no schema is published, see the package comment
				count[call.Route]++
				continue
			}
			count[call.Route]++
			questions = append(questions, question{call.Route, body})
		}
		for _, a := range answers.refused {
			count[fmt.Sprint(a.Schema)]++
			questions = append(questions, a)
		}
	}
	for i, verdict := range ask(t, questions) {
		if verdict != "" {
			text, _ := json.Marshal(questions[i].Body)
			t.Errorf("%s, %s: %s", questions[i].Schema, text, verdict)
		}
	}
	for _, route := range []string{"users.info", "users.create", "users.update", "users.setAvatar", "users.resetAvatar", "users.delete", "400", "401"} {
		if count[route] == 0 {
			t.Errorf("nothing of %s was seen", route)
		}
	}
}

// A recorder keeps the refusals of a Service.
type recorder struct {
	next    http.Handler
	refused []question
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	rec.next.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		var body any
		_ = json.Unmarshal(answer.Body.Bytes(), &body)
		rec.refused = append(rec.refused, question{fmt.Sprint(answer.Code), body})
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// deliverAll makes people, changes them, clears them and erases them.
func deliverAll(t *testing.T, service *rocketchattest.Service, handler http.Handler) {
	server := httptest.NewServer(handler)
	defer server.Close()
	options := rocketchat.Options{
		BaseURL: server.URL, Password: "p", Pictures: true, Emails: true, KeyField: "key",
		Custom: map[store.Field]string{store.CustomKey("tier"): "tier"},
	}
	b, err := rocketchat.New(service.UserID(), service.Token(), &options)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	deliver := func(p store.Profile, remote string, fields ...store.Field) string {
		d := store.Delivery{Profile: p, Fields: fields, Remote: remote, Attempt: 1}
		if fields == nil {
			d.Fields, d.All = p.Stated(), true
		}
		receipt, err := b.Deliver(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Remote
	}
	key := store.Key{Channel: "telegram", UserID: "42"}
	p := store.Profile{
		Key: key, Name: "Ann", Nickname: "A", Bio: "b", Email: "ann@example.org", EmailVerified: true,
		Picture: "https://example.org/a.png", Custom: map[string]any{"tier": "gold"},
	}
	remote := deliver(p, "")
	deliver(store.Profile{Key: key}, remote, store.CustomKey("tier"), store.FieldBio, store.FieldEmail, store.FieldName,
		store.FieldNickname, store.FieldPicture)
	for i, text := range hostile.Texts {
		key := store.Key{Channel: "telegram", UserID: fmt.Sprint(100 + i)}
		name, _ := store.Repair(store.FieldName, text)
		bio, _ := store.Repair(store.FieldBio, text)
		deliver(store.Profile{Key: key, Name: name, Nickname: name, Bio: bio}, "")
	}
	if err := b.Erase(t.Context(), key, remote); err != nil {
		t.Fatal(err)
	}
	stranger, err := rocketchat.New(service.UserID(), "another-token", &options)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if err := stranger.Erase(t.Context(), key, remote); err == nil {
		t.Fatal("a wrong token is let in")
	}
}
