package webhooktest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func newRequest(r *http.Request, body []byte, events []Event) Request {
	seconds, _ := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	return Request{
		ID:         r.Header.Get("webhook-id"),
		Timestamp:  time.Unix(seconds, 0),
		Signatures: len(strings.Fields(r.Header.Get("webhook-signature"))),
		Path:       r.URL.RequestURI(),
		Body:       string(body),
		Events:     events,
	}
}

// verify says what is wrong with the signature of a request, "" for nothing. It
// was written from the specification, apart from package webhook:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func verify(h http.Header, body []byte, secrets []string, now time.Time) string {
	if h.Get("content-type") != "application/json" {
		return "the content type is not JSON"
	}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if len(h.Values(name)) != 1 {
			return name + " is not there once"
		}
	}
	sent, err := strconv.ParseUint(h.Get("webhook-timestamp"), 10, 40)
	if err != nil {
		return "webhook-timestamp is not in seconds"
	}
	if apart := now.Unix() - int64(sent); apart > 300 || apart < -300 {
		return "webhook-timestamp is not within five minutes of now"
	}
	content := strings.Join([]string{h.Get("webhook-id"), h.Get("webhook-timestamp"), string(body)}, ".")
	given := strings.Split(h.Get("webhook-signature"), " ")
	for _, secret := range secrets {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			continue
		}
		mac := hmac.New(sha256.New, raw)
		mac.Write([]byte(content))
		right := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if slices.ContainsFunc(given, func(s string) bool { return hmac.Equal([]byte(s), []byte(right)) }) {
			return ""
		}
	}
	return "webhook-signature is of no secret that is known"
}
