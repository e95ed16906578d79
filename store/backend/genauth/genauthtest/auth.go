package genauthtest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A token lets in until it ends: the pool's owner, or one person.
type token struct {
	person string // the userId, "" for the owner
	ends   time.Time
}

// SignIn returns an access token of the person with this userId, as if they had
// signed in to the app. An unknown userId gets one too, whose calls fail with
// Options.NotFound.
func (s *Service) SignIn(userID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf("person-%d-%s", len(s.tokens)+1, userID)
	s.tokens[text] = token{person: userID, ends: s.o.Now().Add(s.o.TokenLifetime)}
	return text
}

// ExpireTokens ends all tokens, those of people too.
func (s *Service) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// TokensIssued is how often somebody got a management token.
func (s *Service) TokensIssued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

func (s *Service) getToken(r request) (any, *Failure) {
	if r.text("accessKeyId") != s.o.AccessKeyID || r.text("accessKeySecret") != s.o.AccessKeySecret {
		return nil, &Failure{StatusCode: http.StatusForbidden, APICode: 2333}
	}
	s.issued++
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	// A JWT whose signature nobody looks at.
	text := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." +
		part(map[string]any{"scoped_userpool_id": s.o.UserPoolID, "jti": s.issued}) + ".c2lnbmF0dXJl"
	s.tokens[text] = token{ends: s.o.Now().Add(s.o.TokenLifetime)}
	return map[string]any{"access_token": text, "expires_in": int(s.o.TokenLifetime / time.Second)}, nil
}

// authorize returns the userId of the person who calls, "" for the pool's owner.
func (s *Service) authorize(e endpoint, r request) (person string, f *Failure) {
	for name := range r.Header {
		rest, ours := strings.CutPrefix(strings.ToLower(name), "x-")
		prefix, _, _ := strings.Cut(rest, "-")
		if ours && (prefix == "authing" || prefix == "genauth") && !slices.Contains(s.o.Prefixes, prefix) {
			return "", notSignedIn()
		}
	}
	authorization := r.Header.Get("Authorization")
	scheme, credentials, two := strings.Cut(authorization, " ")
	switch {
	case e.person:
		if s.header(r, "app-id") != s.o.AppID {
			return "", &Failure{StatusCode: http.StatusNotFound, APICode: 2011}
		}
	case two && scheme != "Bearer":
		return "", s.checkSignature(r, scheme, credentials)
	case s.o.TokenForm == BearerOnly && !two, s.o.TokenForm == RawOnly && two:
		return "", notSignedIn()
	case two:
		authorization = credentials
	}
	t, ok := s.tokens[authorization]
	if !ok || (t.person != "") != e.person || !s.o.Now().Before(t.ends) {
		return "", notSignedIn()
	}
	if pool := s.header(r, "userpool-id"); pool != "" && pool != s.o.UserPoolID {
		return "", &Failure{StatusCode: http.StatusForbidden, APICode: 2224}
	}
	return t.person, nil
}

func notSignedIn() *Failure { return &Failure{StatusCode: http.StatusUnauthorized, APICode: 2020} }

// header returns a header of the service's own, of whichever prefix.
func (s *Service) header(r request, name string) string {
	for _, prefix := range s.o.Prefixes {
		if value := r.Header.Get("x-" + prefix + "-" + name); value != "" {
			return value
		}
	}
	return ""
}

func (s *Service) checkSignature(r request, scheme, credentials string) *Failure {
	wrong := &Failure{StatusCode: http.StatusUnauthorized, APICode: 1300}
	prefix := map[string]string{"authing": "authing", "GenAuth": "genauth"}[scheme]
	id, given, _ := strings.Cut(credentials, ":")
	if !slices.Contains(s.o.Prefixes, prefix) || id != s.o.AccessKeyID {
		return wrong
	}
	for _, name := range []string{"signature-nonce", "signature-method", "signature-version"} {
		if r.Header.Get("x-"+prefix+"-"+name) == "" {
			return wrong
		}
	}
	text, ok := signedText(prefix, r.Call)
	if !ok || !hmac.Equal([]byte(sign(s.o.AccessKeySecret, text)), []byte(given)) {
		return wrong
	}
	return nil
}

func sign(secret, text string) string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signedText is what the signature of a call is made of.
func signedText(prefix string, c Call) (string, bool) {
	lines := []string{c.Method}
	var headers []string
	for name, values := range c.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-"+prefix+"-") || name == "date" {
			headers = append(headers, name+":"+strings.TrimSpace(strings.Join(values, ", ")))
		}
	}
	slices.Sort(headers)
	lines = append(lines, headers...)
	var params []string
	if c.Method == http.MethodGet {
		for key, values := range c.Query {
			params = append(params, key+"="+values[0])
		}
		slices.Sort(params)
	} else {
		members, err := readObject(c.Body)
		if err != nil {
			return "", false
		}
		slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
		for _, m := range members {
			text, err := m.param()
			if err != nil {
				return "", false
			}
			params = append(params, m.key+"="+text)
		}
	}
	resource := c.Path
	if len(params) > 0 {
		resource += "?" + strings.Join(params, "&")
	}
	return strings.Join(append(lines, resource), "\n"), true
}
