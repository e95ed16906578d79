package rocketchat_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

func TestThePasswordIsSentOnlyWhenItIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := rocketchattest.New(&rocketchattest.Options{Factor: "password", Password: password})
		b := open(t, service, service, rocketchat.Options{Password: password})
		sum := sha256.Sum256([]byte(password))
		hash := hex.EncodeToString(sum[:])
		p := store.Profile{Key: ann, Name: "Ann"}
		deliver(t, b, whole(p, b))
		for _, step := range []struct {
			after time.Duration
			want  string
		}{
			{0, "users.info users.update:400 users.update+"},
			{20 * time.Minute, "users.info users.update"},
			{20 * time.Minute, "users.info users.update:400 users.update+"},
		} {
			time.Sleep(step.after)
			service.Forget()
			p.Name += "a"
			deliver(t, b, whole(p, b))
			var got []string
			for _, c := range service.Calls() {
				text := c.Route
				if c.Status != http.StatusOK {
					text += fmt.Sprint(":", c.Status)
				}
				if c.Header.Get("X-2fa-Code") == hash && c.Header.Get("X-2fa-Method") == "password" {
					text += "+"
				} else if c.Header.Get("X-2fa-Code") != "" {
					t.Error("another code was sent")
				}
				if c.Header.Get("User-Agent") != "rollcall" {
					t.Error("the User-Agent changes, by which the server remembers")
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != step.want {
				t.Errorf("called %v, want %s", got, step.want)
			}
		}
	})
}

func TestASecondFactorThatCannotBeGiven(t *testing.T) {
	for name, c := range map[string]struct{ factor, with, want string }{
		"no password":      {"password", "", "totp-required"},
		"a wrong password": {"password", "wrong", "totp-invalid"},
		"an app":           {"totp", password, "by another method"},
		"a mail":           {"email", password, "by another method"},
	} {
		t.Run(name, func(t *testing.T) {
			service := rocketchattest.New(&rocketchattest.Options{Factor: c.factor, Password: password})
			b := open(t, service, service, rocketchat.Options{Password: c.with})
			p := store.Profile{Key: ann, Name: "Ann"}
			deliver(t, b, whole(p, b))
			p.Name = "Anna"
			_, err := b.Deliver(t.Context(), whole(p, b))
			fails(t, err, store.ErrDenied, c.want, "personal access token", "Options.Password")
			for _, call := range service.Calls() {
				if c.factor != "password" && call.Header.Get("X-2fa-Code") != "" {
					t.Error("the password was sent to who did not ask for it")
				}
			}
		})
	}
}

func TestWhatARefusalMeans(t *testing.T) {
	canary := "Canary-" + password
	for _, c := range []struct {
		status int
		body   string
		kind   error
		word   string
	}{
		{400, `{"success":false,"error":"Editing user is not allowed [error-action-not-allowed]","errorType":"error-action-not-allowed","details":{"method":"x"}}`, store.ErrDenied, "error-action-not-allowed"},
		{400, `{"success":false,"error":"x","errorType":"error-not-allowed"}`, store.ErrDenied, "error-not-allowed"},
		{400, `{"success":false,"error":"x","errorType":"error-unauthorized"}`, store.ErrDenied, "error-unauthorized"},
		{400, `{"success":false,"error":"x","errorType":"totp-max-attempts"}`, store.ErrDenied, "totp-max-attempts"},
		{401, `{"success":false,"error":"You must be logged in to do this."}`, store.ErrDenied, "401"},
		{401, `{"status":"error","message":"You must be logged in to do this.","success":false}`, store.ErrDenied, "401"},
		{401, `{"success":false,"error":"User does not have the permissions required for this action [error-unauthorized]","errorType":"error-unauthorized"}`, store.ErrDenied, "error-unauthorized"},
		{403, `{"success":false,"error":"unauthorized"}`, store.ErrDenied, "error-unauthorized"},
		{403, `<html>`, store.ErrDenied, "403"},
		{400, `{"success":false,"error":"Name contains invalid characters"}`, store.ErrInvalid, "name"},
		{400, `{"success":false,"error":"x is blocked","errorType":"error-blocked-username","details":"text"}`, store.ErrInvalid, "error-blocked-username"},
		{400, `{"success":false,"error":"x","errorType":"invalid-params"}`, store.ErrInvalid, "invalid-params"},
		{400, `{"success":false,"error":"x","errorType":"error-invalid-params"}`, store.ErrInvalid, "error-invalid-params"},
		{400, `{"success":false,"error":"x","errorType":"` + canary + `"}`, store.ErrInvalid, "400"},
		{400, `{"success":false,"error":"x","errorType":"error-too-many-requests"}`, store.ErrUnavailable, "error-too-many-requests"},
		{400, `{"success":false,"error":["` + canary + `"],"errorType":7,"details":[]}`, store.ErrInvalid, "400"},
		{404, `{"success":false,"error":"API endpoint not found"}`, store.ErrUnavailable, "404"},
		{500, `{"success":false,"error":"` + canary + `"}`, store.ErrUnavailable, "500"},
		{200, `{"success":false,"error":"` + canary + `"}`, store.ErrUnavailable, "200"},
		{200, `{"success":true}`, store.ErrUnavailable, "without a user"},
		{200, `{"success":true,"user":null}`, store.ErrUnavailable, "without a user"},
		{200, `{"success":true,"user":{"_id":7}}`, store.ErrUnavailable, "JSON"},
	} {
		service := rocketchattest.New(nil)
		b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "users.create") {
				service.ServeHTTP(w, r)
				return
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}), rocketchat.Options{})
		_, err := b.Deliver(t.Context(), whole(store.Profile{Key: ann, Name: "Ann"}, b))
		fails(t, err, c.kind, c.word)
		if _, throttled := errors.AsType[*store.ThrottledError](err); throttled != (c.word == "error-too-many-requests") {
			t.Errorf("%d %s is throttled: %v", c.status, c.body, throttled)
		}
		if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "Ann") {
			t.Errorf("the error repeats what the server said: %v", err)
		}
	}
}

func TestMissingPermissionsStopEverybody(t *testing.T) {
	for _, before8 := range []bool{false, true} {
		for _, permission := range []string{"create-user", "edit-other-user-info"} {
			service := rocketchattest.New(&rocketchattest.Options{Before8: before8})
			b := open(t, service, service, rocketchat.Options{})
			if permission != "create-user" {
				deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann"}, b))
			}
			service.Change(func(o *rocketchattest.Options) { o.Without = []string{permission} })
			_, err := b.Deliver(t.Context(), whole(store.Profile{Key: ann, Name: "Anna"}, b))
			fails(t, err, store.ErrDenied, "error-action-not-allowed")
		}
		service := rocketchattest.New(&rocketchattest.Options{Before8: before8})
		b, err := rocketchat.New("another", "token", &rocketchat.Options{BaseURL: "https://chat.example.com", Transport: direct{service}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Deliver(t.Context(), whole(store.Profile{Key: ann, Name: "Ann"}, b))
		fails(t, err, store.ErrDenied, "401")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"success":true,"user":{"_id":"a","username":"telegram_42","customFields":{"tier":null}}}`, "10", "0", "1763800000000")
	f.Add(400, `{"success":false,"error":"User not found."}`, "", "", "")
	f.Add(429, `{}`, "10", "0", "9223372036854775807")
	f.Add(401, `[]`, "-1", "x", "")
	f.Add(400, `{"errorType":"totp-required","details":{"method":"password"}}`, "0", "0", "0")
	f.Fuzz(func(t *testing.T, status int, body, limit, remaining, reset string) {
		if status < 200 || status > 999 {
			return
		}
		service := rocketchattest.New(nil)
		b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RateLimit-Limit", limit)
			w.Header().Set("X-RateLimit-Remaining", remaining)
			w.Header().Set("X-RateLimit-Reset", reset)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}), rocketchat.Options{Password: password, Adopt: true, Custom: map[store.Field]string{store.CustomKey("tier"): "tier"}})
		for range 2 {
			_, err := b.Deliver(t.Context(), whole(store.Profile{Key: ann, Name: "Ann", Custom: map[string]any{"tier": "gold"}}, b))
			known := false
			for _, kind := range []error{nil, store.ErrInvalid, store.ErrDenied, store.ErrUnavailable, store.ErrUnanswered} {
				known = known || errors.Is(err, kind)
			}
			if !known {
				t.Errorf("the error is %v", err)
			}
			if throttled, ok := errors.AsType[*store.ThrottledError](err); ok && throttled.After < 0 {
				t.Errorf("a pause of %s", throttled.After)
			}
			if err == nil && status > 299 {
				t.Errorf("%d is taken for a success", status)
			}
		}
	})
}
