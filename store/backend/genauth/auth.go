package genauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// keys are the credentials of the Management API.
type keys struct {
	id, secret string
	prefix     string // of the headers
	pool       string // "": that of the token
}

func (k keys) header(name string) string { return "x-" + k.prefix + "-" + name }

// bySignature authorises each call by a signature.
func (k keys) bySignature(_ context.Context, c call, _ http.Header) (http.Header, error) {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // it never fails
	signed := map[string]string{
		"date":                        time.Now().UTC().Format(http.TimeFormat),
		k.header("lang"):              language,
		k.header("signature-method"):  "HMAC-SHA1",
		k.header("signature-nonce"):   hex.EncodeToString(nonce),
		k.header("signature-version"): "1.0",
	}
	if k.pool != "" {
		signed[k.header("userpool-id")] = k.pool
	}
	text, err := stringToSign(c.method, c.path, signed, c.params)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, store.ErrInvalid)
	}
	header := make(http.Header, len(signed)+1)
	for name, value := range signed {
		header.Set(name, value)
	}
	scheme := k.prefix
	if scheme == PrefixGenAuth {
		scheme = "GenAuth" // as the vendor's client for that prefix writes it
	}
	header.Set("Authorization", scheme+" "+k.id+":"+signature(k.secret, text))
	return header, nil
}

// A tokenAuth authorises calls by a token, which it gets for the keys and keeps
// until shortly before it ends. Of concurrent callers one gets it, and the others
// wait for that.
type tokenAuth struct {
	keys
	client *client // without authorisation
	scheme string  // "Bearer ", or "" for the token alone

	turn    chan struct{} // holds one value while somebody has what follows
	header  http.Header
	expires time.Time
}

// tokenMargin is how long before its end a token is not used any more.
const tokenMargin = 2 * time.Minute

func (t *tokenAuth) authorize(ctx context.Context, _ call, stale http.Header) (http.Header, error) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a token: %w: %w", store.ErrUnavailable, context.Cause(ctx))
	}
	defer func() { <-t.turn }()

	used := stale != nil && t.header.Get("Authorization") == stale.Get("Authorization")
	if t.header != nil && !used && time.Now().Before(t.expires) {
		return t.header, nil
	}
	t.header = nil
	header, lifetime, err := t.fetch(ctx)
	if err != nil {
		return nil, fmt.Errorf("get a token: %w", err)
	}
	t.header, t.expires = header, time.Now().Add(lifetime-min(tokenMargin, lifetime/2))
	return header, nil
}

func (t *tokenAuth) fetch(ctx context.Context) (header http.Header, lifetime time.Duration, err error) {
	data, err := t.client.send(ctx, call{
		method: http.MethodPost,
		path:   "/api/v3/get-management-token",
		params: object{"accessKeyId": t.id, "accessKeySecret": t.secret},
	}, http.Header{http.CanonicalHeaderKey(t.keys.header("lang")): {language}})
	if err != nil {
		if unacceptable(err) { // nobody's profile is at fault
			return nil, 0, fmt.Errorf("%s refused the access key: %w", t.client.rest.Host(), store.ErrDenied)
		}
		return nil, 0, err
	}
	var token struct {
		Token     string  `json:"access_token"`
		ExpiresIn float64 `json:"expires_in"` // seconds
	}
	if json.Unmarshal(data, &token) != nil || !inHeader(token.Token) || !(token.ExpiresIn > 0) {
		return nil, 0, fmt.Errorf("%s answered without a token: %w", t.client.rest.Host(), store.ErrUnavailable)
	}
	header = http.Header{}
	header.Set(t.keys.header("lang"), language)
	header.Set("Authorization", t.scheme+token.Token)
	pool := t.pool
	if pool == "" {
		pool = poolOf(token.Token)
	}
	if pool != "" {
		header.Set(t.keys.header("userpool-id"), pool)
	}
	const day = 24 * 60 * 60
	return header, time.Duration(min(token.ExpiresIn, day) * float64(time.Second)), nil
}

// poolOf returns the user pool that a token is for, where it is a JWT that says
// so, as the vendor's client does
// (https://github.com/Authing/authing-golang-sdk). What comes out is sent back to
// where the token is from, so that its signature need not be looked at.
func poolOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return ""
	}
	var claims struct {
		Pool string `json:"scoped_userpool_id"`
	}
	if json.Unmarshal(payload, &claims) != nil || len(claims.Pool) > 64 || !inHeader(claims.Pool) {
		return ""
	}
	return claims.Pool
}
