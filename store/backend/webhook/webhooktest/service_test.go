package webhooktest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store/backend/webhook/webhooktest"
)

// The test vector of the standard's own libraries, such as
// https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/go/webhook_test.go
const (
	secret          = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func request(id string, at int64, signature, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hook?key=1", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", fmt.Sprint(at))
	r.Header.Set("webhook-signature", signature)
	return r
}

func TestSignaturesAreThoseOfTheStandard(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*http.Request)
		late   time.Duration
		want   int // 400: the signature is right, and the vector is no event
	}{
		"the vector":        {want: 400},
		"among others":      {change: func(r *http.Request) { r.Header.Set("webhook-signature", "v1,AAAA "+vectorSignature) }, want: 400},
		"late":              {late: 300 * time.Second, want: 400},
		"too late":          {late: 301 * time.Second, want: 401},
		"too early":         {late: -301 * time.Second, want: 401},
		"another id":        {change: func(r *http.Request) { r.Header.Set("webhook-id", "msg_1") }, want: 401},
		"two ids":           {change: func(r *http.Request) { r.Header.Add("webhook-id", "msg_1") }, want: 401},
		"no signature":      {change: func(r *http.Request) { r.Header.Del("webhook-signature") }, want: 401},
		"another signature": {change: func(r *http.Request) { r.Header.Set("webhook-signature", "v1,AAAA") }, want: 401},
		"no time":           {change: func(r *http.Request) { r.Header.Set("webhook-timestamp", "-5") }, want: 401},
		"a form":            {change: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, want: 401},
		"another method":    {change: func(r *http.Request) { r.Method = http.MethodPut }, want: 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(vectorTime, 0).Add(c.late)))
				service := webhooktest.New("no base64!", secret)
				r := request(vectorID, vectorTime, vectorSignature, vectorBody)
				if c.change != nil {
					c.change(r)
				}
				w := httptest.NewRecorder()
				service.ServeHTTP(w, r)
				if w.Code != c.want || len(service.Rejected()) != 1 || len(service.Requests()) != 0 {
					t.Errorf("%d, not %d: %q", w.Code, c.want, service.Rejected())
				}
			})
		})
	}
}

// send signs a body and returns the status of the answer.
func send(service *webhooktest.Service, body string) int {
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	now := time.Now().Unix()
	mac := hmac.New(sha256.New, raw)
	fmt.Fprintf(mac, "msg_x.%d.%s", now, body)
	w := httptest.NewRecorder()
	service.ServeHTTP(w, request("msg_x", now, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), body))
	return w.Code
}

const event = `{"id":"msg_1","type":"profile.updated","version":1,"key":"telegram:42","channel":"telegram","user_id":"42",` +
	`"profile":{"channel":"telegram","user_id":"42","name":"Ann","is_premium":true,"address":{"country":"FR"},` +
	`"nicks":{"1.2":"A"},"custom":{"n":1.5,"s":"x"}},` +
	`"fields":["address.country","custom.n","custom.s","email","is_premium","name","nicks.1.2"],"cleared":["email"],"all":true}`

func TestOnlyTheFieldsOfAnEventAreTaken(t *testing.T) {
	t.Parallel()
	service := webhooktest.New(secret)
	if code := send(service, event); code != 204 {
		t.Fatalf("%d: %v", code, service.Rejected())
	}
	const want = `map[address.country:FR custom.n:1.5 custom.s:"x" is_premium:true name:Ann nicks.1.2:A]`
	if person, ok := service.Person("telegram:42"); !ok || fmt.Sprint(person) != want {
		t.Errorf("%v, not %s", person, want)
	}
	again := strings.NewReplacer("msg_1", "msg_2", `"name":"Ann"`, `"username":"ann"`,
		`["address.country","custom.n","custom.s","email","is_premium","name","nicks.1.2"],"cleared":["email"]`,
		`["name","username"],"cleared":["name"]`).Replace(event)
	for range 2 {
		if code := send(service, "["+again+"]"); code != 204 {
			t.Fatalf("%d: %v", code, service.Rejected())
		}
	}
	const after = `map[address.country:FR custom.n:1.5 custom.s:"x" is_premium:true nicks.1.2:A username:ann]`
	if person, _ := service.Person("telegram:42"); fmt.Sprint(person) != after || service.Duplicates() != 1 {
		t.Errorf("%v, not %s; %d duplicates", person, after, service.Duplicates())
	}
	const erased = `{"id":"msg_3","type":"profile.erased","key":"telegram:42","channel":"telegram","user_id":"42"}`
	if code := send(service, erased); code != 204 {
		t.Errorf("%d: %v", code, service.Rejected())
	}
	if people := service.People(); len(people) != 0 {
		t.Errorf("%v are still there", people)
	}
	if code := send(service, again); code != 204 || len(service.People()) != 1 {
		t.Error("somebody who was erased does not come back")
	}
}

func TestNothingIsTakenThatIsNotDocumented(t *testing.T) {
	t.Parallel()
	service := webhooktest.New(secret)
	bodies := []string{
		``, `[]`, `null`, `{}`, event + event, "[" + event + ",{}]",
		`{"id":"msg_1","type":"profile.erased","key":"a:1","channel":"a","user_id":"1","fields":[]}`,
		`{"id":"msg_1","type":"profile.erased","version":1,"key":"a:1","channel":"a","user_id":"1"}`,
	}
	for _, change := range [][2]string{
		{`"id":"msg_1"`, `"id":""`},
		{`"id":"msg_1"`, `"roles":["admin"],"id":"msg_1"`},
		{`profile.updated`, `profile.merged`},
		{`"telegram:42"`, `"telegram:43"`},
		{`"name":"Ann"`, `"name":"Ann","password":"x"`},
		{`"name":"Ann",`, ``},                                 // in fields, without a value
		{`"cleared":["email"]`, `"cleared":["email","name"]`}, // with a value
		{`"cleared":["email"]`, `"cleared":["bio","email"]`},  // not in fields
		{`"cleared":["email"],`, ``},
		{`"address.country","custom.n"`, `"custom.n","address.country"`},
		{`"all":true`, `"all":1`},
		{`"version":1,`, ``},
		{`"version":1,`, `"version":-1,`},
	} {
		body := strings.Replace(event, change[0], change[1], 1)
		if body == event {
			t.Fatalf("%q is not in the event", change[0])
		}
		bodies = append(bodies, body)
	}
	for i, body := range bodies {
		if code := send(service, body); code != 400 || len(service.Rejected()) != i+1 {
			t.Errorf("%s: %d", body, code)
		}
	}
	if people := service.People(); len(people) != 0 {
		t.Errorf("%v were taken", people)
	}
}

func TestOrderedAnswers(t *testing.T) {
	t.Parallel()
	service := webhooktest.New(secret)
	service.Reply(webhooktest.Reply{Status: 503, Header: http.Header{"Retry-After": {"7"}}})
	service.Refuse("telegram:42", 422)
	for _, want := range []int{503, 422} {
		if code := send(service, event); code != want || len(service.People()) != 0 {
			t.Errorf("%d, not %d; %v are there", code, want, service.People())
		}
	}
	service.Refuse("telegram:42", 0)
	if code := send(service, event); code != 204 || len(service.Requests()) != 3 {
		t.Errorf("%d after %d requests", code, len(service.Requests()))
	}
	if r := service.Requests()[0]; r.ID != "msg_x" || r.Path != "/hook?key=1" || r.Body != event || r.Signatures != 1 || r.Events[0].ID != "msg_1" {
		t.Errorf("%+v", r)
	}
	service.SetSecrets("whsec_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ")
	if code := send(service, event); code != 401 {
		t.Errorf("%d with an old secret", code)
	}
}
