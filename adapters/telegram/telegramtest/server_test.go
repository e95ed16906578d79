package telegramtest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ann = telegramtest.User{ID: 42, FirstName: "Ann", Username: "ann", LanguageCode: "en"}

type client struct {
	t    *testing.T
	srv  *telegramtest.Server
	http *http.Client
}

func start(t *testing.T) client {
	t.Helper()
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		srv.Close()
		c.CloseIdleConnections()
	})
	return client{t, srv, c}
}

type envelope struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	Code        int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int `json:"retry_after"`
	} `json:"parameters"`
	Status int
}

func (c client) call(method, params string) envelope {
	c.t.Helper()
	return c.as(c.srv.Token(), method, params)
}

func (c client) as(token, method, params string) envelope {
	c.t.Helper()
	resp, err := c.http.Post(c.srv.URL()+"/bot"+token+"/"+method, "application/json", strings.NewReader(params))
	if err != nil {
		c.t.Error(err)
		return envelope{}
	}
	defer resp.Body.Close()
	e := envelope{Status: resp.StatusCode}
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
		c.t.Errorf("%s: answer is no envelope: %v", method, err)
	}
	return e
}

// ids asks for updates and returns their ids.
func (c client) ids(params string) []int {
	c.t.Helper()
	e := c.call("getUpdates", params)
	if !e.OK {
		c.t.Fatalf("getUpdates(%s): %d %s", params, e.Code, e.Description)
	}
	var updates []struct {
		ID int `json:"update_id"`
	}
	if err := json.Unmarshal(e.Result, &updates); err != nil {
		c.t.Fatal(err)
	}
	ids := make([]int, len(updates))
	for i, u := range updates {
		ids[i] = u.ID
	}
	return ids
}

func (c client) push(n int) {
	c.t.Helper()
	for i := range n {
		if err := c.srv.Push(telegramtest.Message(ann, telegramtest.Private(ann), strconv.Itoa(i))); err != nil {
			c.t.Fatal(err)
		}
	}
}

func wantIDs(t *testing.T, got []int, want ...int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("update ids %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("update ids %v, want %v", got, want)
		}
	}
}

func TestUpdatesRepeatUntilAnOffsetConfirmsThem(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.push(3)
	wantIDs(t, c.ids(`{}`), 1, 2, 3)
	wantIDs(t, c.ids(`{"offset":0}`), 1, 2, 3)
	wantIDs(t, c.ids(`{"offset":"3"}`), 3)
	wantIDs(t, c.ids(`{"offset":1}`), 3)
	wantIDs(t, c.ids(`{"offset":4}`))
	if err := c.srv.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestNegativeOffsetCountsFromTheEnd(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.push(5)
	wantIDs(t, c.ids(`{"offset":-2}`), 4, 5)
	wantIDs(t, c.ids(`{}`), 4, 5)
}

func TestLimit(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.push(101)
	wantIDs(t, c.ids(`{"limit":2}`), 1, 2)
	if n := len(c.ids(`{"limit":1000}`)); n != 100 {
		t.Errorf("%d updates at once, want no more than 100", n)
	}
}

func TestLongPollReturnsWhenSomethingIsPushed(t *testing.T) {
	t.Parallel()
	c := start(t)
	got := make(chan []int)
	go func() { got <- c.ids(`{"timeout":50}`) }()
	select {
	case ids := <-got:
		t.Fatalf("returned %v before anything was pushed", ids)
	case <-time.After(20 * time.Millisecond):
	}
	c.push(1)
	wantIDs(t, <-got, 1)
}

func TestWaitWaitsForTheConfirmation(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.push(1)
	c.ids(`{}`)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.srv.Wait(ctx); err != context.DeadlineExceeded {
		t.Fatalf("Wait returned %v though nothing was confirmed", err)
	}
	waited := make(chan error)
	go func() { waited <- c.srv.Wait(t.Context()) }()
	c.ids(`{"offset":2}`)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}

func TestSecondPollEndsTheFirst(t *testing.T) {
	t.Parallel()
	c := start(t)
	first := make(chan envelope)
	go func() { first <- c.call("getUpdates", `{"timeout":50}`) }()
	for {
		c.call("getUpdates", `{}`)
		select {
		case e := <-first:
			if e.Code != http.StatusConflict || !strings.Contains(e.Description, "terminated by other getUpdates") {
				t.Fatalf("first poll: %d %q", e.Code, e.Description)
			}
			return
		case <-time.After(time.Millisecond): // it had not arrived yet
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c := start(t)
	if e := c.as("1:wrong", "getMe", `{}`); e.Code != 401 || e.Status != 401 || e.Description != "Unauthorized" {
		t.Errorf("wrong token: %+v", e)
	}
	if e := c.call("getRich", `{}`); e.Code != 404 || e.Status != 404 || e.OK {
		t.Errorf("unknown method: %+v", e)
	}
	if e := c.call("sendMessage", `[`); e.Code != 400 {
		t.Errorf("broken JSON: %+v", e)
	}
	c.srv.Fail("sendMessage", telegramtest.Error{Code: 429, RetryAfter: 7}, telegramtest.Error{Code: 403, Description: "Forbidden: bot was blocked by the user"})
	if e := c.call("sendMessage", `{"chat_id":1}`); e.Code != 429 || e.Parameters.RetryAfter != 7 || e.Description != "Too Many Requests: retry after 7" {
		t.Errorf("flood: %+v", e)
	}
	if e := c.call("SENDmessage", `{"chat_id":1}`); e.Code != 403 || e.Description != "Forbidden: bot was blocked by the user" {
		t.Errorf("blocked: %+v", e)
	}
	if e := c.call("sendMessage", `{"chat_id":1}`); !e.OK {
		t.Errorf("after the failures: %+v", e)
	}
}

func TestSentIsTheSameForEveryEncoding(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.call("sendMessage", `{"chat_id":-1001,"text":"Grüße"}`)
	resp, err := c.http.PostForm(c.srv.URL()+"/bot"+c.srv.Token()+"/sendMessage", url.Values{"chat_id": {"-1001"}, "text": {"Grüße"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	resp, err = c.http.Get(c.srv.URL() + "/bot" + c.srv.Token() + "/sendMessage?chat_id=-1001&text=Gr%C3%BC%C3%9Fe")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	var m struct {
		Result struct {
			Text string
			Chat telegramtest.Chat
			From telegramtest.User
		}
	}
	if err := json.Unmarshal(body, &m); err != nil || m.Result.Text != "Grüße" || m.Result.Chat.ID != -1001 || m.Result.From != c.srv.Me() {
		t.Errorf("result %s, %v", body, err)
	}
	c.call("sendChatAction", `{"chat_id":-1001}`)
	sent, err := c.srv.WaitSent(t.Context(), 3)
	if err != nil || len(sent) != 3 {
		t.Fatalf("sent %v, %v", sent, err)
	}
	for i, s := range sent {
		if s.Method != "sendMessage" || s.ChatID() != -1001 || s.Text() != "Grüße" {
			t.Errorf("call %d: %+v", i, s)
		}
	}
	if n := len(c.srv.Calls()); n != 4 {
		t.Errorf("%d calls, want 4", n)
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	c := start(t)
	for raw, want := range map[string]string{
		`{"update_id":1`:     "unexpected end",
		`[1]`:                "cannot unmarshal",
		`null`:               "no JSON object",
		`{"update_id":"a"}`:  "no integer",
		`{"update_id":1.5}`:  "no integer",
		`{"update_id":null}`: "no integer",
	} {
		if err := c.srv.Push(json.RawMessage(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Push(%s): %v, want %q", raw, err, want)
		}
	}
	if err := c.srv.Push(json.RawMessage(" {} "), json.RawMessage(`{"update_id":900}`), json.RawMessage(`{"poll":{}}`)); err != nil {
		t.Fatal(err)
	}
	if err := c.srv.Push(json.RawMessage(`{"update_id":900}`)); err == nil || !strings.Contains(err.Error(), "must rise") {
		t.Errorf("an id again: %v", err)
	}
	if err := c.srv.Push(telegramtest.Update{}); err == nil {
		t.Error("the zero Update was taken")
	}
	wantIDs(t, c.ids(`{}`), 1, 900, 901)
	c.srv.Close()
	if err := c.srv.Push(json.RawMessage(`{}`)); err == nil {
		t.Error("Push after Close was taken")
	}
}

func TestAllowedUpdatesStayAsTheyWere(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.ids(`{"allowed_updates":["message","chat_member"]}`)
	c.ids(`{"allowed_updates":"null"}`)
	c.ids(`{}`)
	if got := c.srv.AllowedUpdates(); len(got) != 2 || got[1] != "chat_member" {
		t.Errorf("allowed updates %v", got)
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	c := start(t)
	var refuse atomic.Int32
	refuse.Store(2)
	got := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse.Add(-1) >= 0 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("X-Telegram-Bot-Api-Secret-Token") + " " + string(body)
	}))
	defer hook.Close()

	if e := c.call("setWebhook", `{"url":"https://example.org/hook"}`); e.Code != 400 {
		t.Fatalf("a webhook out on the net: %+v", e)
	}
	if e := c.call("setWebhook", `{"url":"`+hook.URL+`","secret_token":"s3cret"}`); !e.OK {
		t.Fatal(e)
	}
	if e := c.call("getUpdates", `{}`); e.Code != http.StatusConflict || !strings.Contains(e.Description, "webhook is active") {
		t.Errorf("getUpdates beside a webhook: %+v", e)
	}
	if err := c.srv.Push(json.RawMessage(`{"update_id":5}`), json.RawMessage(`{"update_id":6}`)); err != nil {
		t.Fatal(err)
	}
	if err := c.srv.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, b := <-got, <-got; a != `s3cret {"update_id":5}` || b != `s3cret {"update_id":6}` {
		t.Errorf("delivered %q, %q", a, b)
	}
	if info := string(c.call("getWebhookInfo", `{}`).Result); !strings.Contains(info, "502 Bad Gateway") || !strings.Contains(info, `"pending_update_count":0`) {
		t.Errorf("info %s", info)
	}
	c.call("deleteWebhook", `{}`)
	c.push(1)
	wantIDs(t, c.ids(`{}`), 7)
	if e := c.call("setWebhook", `{"url":"`+hook.URL+`","drop_pending_updates":true}`); !e.OK {
		t.Fatal(e)
	}
	if info := string(c.call("getWebhookInfo", `{}`).Result); !strings.Contains(info, `"pending_update_count":0`) {
		t.Errorf("dropped nothing: %s", info)
	}
}

func TestWebhookEndsAPoll(t *testing.T) {
	t.Parallel()
	c := start(t)
	polled := make(chan envelope)
	go func() { polled <- c.call("getUpdates", `{"timeout":50}`) }()
	c.call("setWebhook", `{"url":"http://127.0.0.1:1/"}`)
	if e := <-polled; e.Code != http.StatusConflict {
		t.Errorf("poll ended with %+v", e)
	}
}
