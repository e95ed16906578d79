package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// The headers, the form of secrets and the way to sign are those of
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"

	secretPrefix = "whsec_"
	version      = "v1,"

	minSecret = 24 // bytes
	maxSecret = 64 // bytes
)

// A key signs, and checks what is signed.
type key []byte

// parseSecrets never says what a secret is.
func parseSecrets(secrets []string) ([]key, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("there is no secret; make one with: echo \"whsec_$(openssl rand -base64 32)\": %w", store.ErrInvalid)
	}
	keys := make([]key, len(secrets))
	for i, secret := range secrets {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
		if err != nil || len(raw) < minSecret || len(raw) > maxSecret {
			return nil, fmt.Errorf("secret %d is not whsec_ and the base64 of %d to %d bytes: %w", i, minSecret, maxSecret, store.ErrInvalid)
		}
		keys[i] = raw
	}
	return keys, nil
}

func (k key) sum(parts ...string) []byte {
	h := hmac.New(sha256.New, k)
	for _, part := range parts {
		_, _ = h.Write([]byte(part)) // a hash takes everything
	}
	return h.Sum(nil)
}

func (k key) sign(id, timestamp string, body []byte) []byte {
	return k.sum(id, ".", timestamp, ".", string(body))
}

// signature returns the value of the header: one for each key, so that receivers
// may know either of two while secrets are changed.
func signature(keys []key, id string, at time.Time, body []byte) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = version + base64.StdEncoding.EncodeToString(k.sign(id, strconv.FormatInt(at.Unix(), 10), body))
	}
	return strings.Join(all, " ")
}
