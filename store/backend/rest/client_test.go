package rest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// serve starts a service and a client of it.
func serve(t *testing.T, h http.HandlerFunc, o *Options) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return client(t, server.URL, o)
}

func client(t *testing.T, base string, o *Options) *Client {
	t.Helper()
	c, err := New(base, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// within bounds a call that is to be answered.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestBaseURLs(t *testing.T) {
	const canary = "Canary-91b2"
	for base, want := range map[string]string{
		"https://api.example.com":                "",
		"https://api.example.com/v1/":            "",
		"https://api.example.com:8443/a%2Fb":     "",
		"http://127.0.0.1:8080":                  "",
		"http://[::1]:8080/":                     "",
		"http://localhost/x":                     "",
		"":                                       "absolute",
		"api.example.com":                        "absolute",
		"/v1":                                    "absolute",
		"https:///v1":                            "absolute",
		"mailto:ann@example.org":                 "absolute",
		"https://%zz/" + canary:                  "absolute",
		"https://host:port/" + canary:            "absolute",
		"https://api.example.com/\x7f" + canary:  "absolute",
		"https://bot:" + canary + "@example.org": "password",
		"https://" + canary + "@example.org":     "password",
		"https://example.org/?key=" + canary:     "query",
		"https://example.org/?":                  "query",
		"https://example.org/#" + canary:         "query",
		"ftp://example.org/" + canary:            "neither",
		"http://example.org/" + canary:           "plain http",
		"http://10.0.0.7/":                       "plain http",
		"http://localhost.example.org":           "plain http",
		"http://127.0.0.1.example.org":           "plain http",
	} {
		c, err := New(base, nil)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", base, err)
			} else if strings.Contains(c.Host(), "/") {
				t.Errorf("%s: the host is %q", base, c.Host())
			}
			continue
		}
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want one about %q", base, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "example.org")) {
			t.Errorf("the error quotes the base URL: %v", err)
		}
	}
	if _, err := New("http://example.org", &Options{Insecure: true}); err != nil {
		t.Errorf("plain http that was asked for: %v", err)
	}
}

func TestHeadersThatCannotBeSentAreRefusedAtOnce(t *testing.T) {
	for name, value := range map[string]string{
		"Authorization": "Bearer token-of-a-file\n", "X-Nul": "token\x00", "X Space": "token", "": "token", "X:Colon": "token",
	} {
		_, err := New("https://example.org", &Options{Header: http.Header{name: {value}}})
		if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "token-of") {
			t.Errorf("%q: the error is %v", name, err)
		}
	}
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a bad header was sent") }, nil)
	_, err := c.Call(within(t), Request{Method: "GET", Header: http.Header{"X-Token": {"token-of-a-file\n"}}})
	if !errors.Is(err, store.ErrDenied) || strings.Contains(err.Error(), "token-of") {
		t.Errorf("a bad token in one request: %v", err)
	}
}

func TestRequestsGoOutAsTheyWereMeant(t *testing.T) {
	var got *http.Request
	var body string
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
	}, &Options{Header: http.Header{"x-token": {"a"}, "X-Kept": {"b"}}})
	_, err := c.Call(within(t), Request{
		Method: "PUT", Path: "people", Query: url.Values{"q": {"a b&c"}},
		Header: http.Header{"X-Token": {"other"}}, Body: map[string]string{"name": `<Ann & "Bob">`},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPut || got.RequestURI != "/people?q=a+b%26c" || body != `{"name":"<Ann & \"Bob\">"}` {
		t.Errorf("%s %s %s", got.Method, got.RequestURI, body)
	}
	for name, want := range map[string]string{
		"X-Token": "other", "X-Kept": "b", "Content-Type": "application/json", "Accept": "application/json", "User-Agent": "rollcall",
	} {
		if h := got.Header.Values(name); len(h) != 1 || h[0] != want {
			t.Errorf("%s is %q, want %q", name, h, want)
		}
	}
	if _, err := c.Call(within(t), Request{Method: "POST", Body: []byte(`{"signed": true}`)}); err != nil || body != `{"signed": true}` {
		t.Errorf("bytes went out as %q, %v", body, err)
	}
	if _, err := c.Call(within(t), Request{Method: "GET"}); err != nil || got.ContentLength != 0 || got.Header.Get("Content-Type") != "" {
		t.Errorf("no body went out as %d bytes of %q, %v", got.ContentLength, got.Header.Get("Content-Type"), err)
	}
	_, err = c.Call(within(t), Request{Method: "POST", Body: math.NaN()})
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a body that is not JSON: %v", err)
	}
	_, err = c.Call(within(t), Request{Method: "BAD METHOD"})
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a bad method: %v", err)
	}
}

// TestPathsKeepWhatWasEscaped is about ids that mean something else to servers
// and proxies on the way when they arrive unescaped.
func TestPathsKeepWhatWasEscaped(t *testing.T) {
	var got string
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI }))
	defer service.Close()
	person := func(id string) string { return "people/" + url.PathEscape(id) }
	for _, c := range []struct{ base, path, want string }{
		{"", "", "/"},
		{"/", "", "/"},
		{"/hooks/x", "", "/hooks/x"},
		{"/hooks/x/", "", "/hooks/x/"},
		{"", "people", "/people"},
		{"/", "/people", "/people"},
		{"/v1", "people/", "/v1/people/"},
		{"/v1/", "people", "/v1/people"},
		{"/a%2Fb", "c", "/a%2Fb/c"},
		{"/v1", person("telegram:42"), "/v1/people/telegram:42"},
		{"/v1", person("a/b"), "/v1/people/a%2Fb"},
		{"/v1", person("a%2Fb"), "/v1/people/a%252Fb"},
		{"/v1", person("100%"), "/v1/people/100%25"},
		{"/v1", person("a?b#c;d"), "/v1/people/a%3Fb%23c%3Bd"},
		{"/v1", person("telegram:.."), "/v1/people/telegram:.."},
		{"/v1", person("../../admin"), "/v1/people/..%2F..%2Fadmin"},
		{"/v1", person("é 😀"), "/v1/people/%C3%A9%20%F0%9F%98%80"},
		{"/v1", person("a\r\nX: y"), "/v1/people/a%0D%0AX:%20y"},
		{"/v1", person(".."), ""},
		{"/v1", person("."), ""},
		{"/v1", "people/%2E%2e/admin", ""},
		{"/v1", "people/100%", ""},
	} {
		got = ""
		_, err := client(t, service.URL+c.base, nil).Call(within(t), Request{Method: "GET", Path: c.path})
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q and %q: asked for %q, want %q; %v", c.base, c.path, got, c.want, err)
		}
		if c.want == "" && !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v", c.path, err)
		}
	}
}

func TestAnswersAreReadUpToOneMebibyte(t *testing.T) {
	for name, c := range map[string]struct {
		size   int
		packed bool
		fits   bool
	}{
		"the most":          {1 << 20, false, true},
		"one too many":      {1<<20 + 1, false, false},
		"the most, packed":  {1 << 20, true, true},
		"too many, packed":  {1<<20 + 1, true, false},
		"a bomb of 256 MiB": {256 << 20, true, false},
	} {
		service := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			var out io.Writer = w
			if c.packed {
				w.Header().Set("Content-Encoding", "gzip")
				z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
				defer z.Close()
				out = z
			}
			chunk := make([]byte, 64<<10)
			for left := c.size; left > 0; left -= len(chunk) {
				if _, err := out.Write(chunk[:min(left, len(chunk))]); err != nil {
					return
				}
			}
		}, nil)
		a, err := service.Call(within(t), Request{Method: "GET"})
		if c.fits && (err != nil || len(a.Body) != c.size) {
			t.Errorf("%s: %d bytes, %v", name, len(a.Body), err)
		}
		if !c.fits && (!errors.Is(err, store.ErrUnanswered) || a.Body != nil) {
			t.Errorf("%s: %d bytes, %v", name, len(a.Body), err)
		}
	}
}

// TestAnAnswerWithoutEnd would end with its ctx if more than the limit was read.
func TestAnAnswerWithoutEnd(t *testing.T) {
	answer := make([]byte, 1<<20+1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(answer)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, nil)
	_, err := c.Call(within(t), Request{Method: "GET"})
	if !errors.Is(err, store.ErrUnanswered) || !strings.Contains(err.Error(), "more than 1 MiB") {
		t.Errorf("%v", err)
	}
	t.Attr("figure", fmt.Sprintf("at byte %d", len(answer)))
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var visits atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer other.Close()
	answers := 0
	for _, status := range []int{301, 302, 303, 307, 308, 300, 304} {
		for _, location := range []string{other.URL, "/elsewhere", ""} {
			asked := 0
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked++
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.WriteHeader(status)
			}, &Options{Header: http.Header{"X-Auth-Token": {"secret"}}})
			_, err := c.Call(within(t), Request{Method: "POST", Path: "people", Body: "x"})
			if !errors.Is(err, store.ErrDenied) {
				t.Errorf("%d to %q: %v", status, location, err)
			}
			if e, ok := errors.AsType[*Error](err); !ok || e.Status != status {
				t.Errorf("%d to %q: the error is %#v", status, location, err)
			}
			if asked != 1 {
				t.Errorf("%d to %q: asked %d times", status, location, asked)
			}
			answers++
		}
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("the other host saw %d requests", n)
	}
	t.Attr("figure", fmt.Sprintf("%d answers, %d requests elsewhere", answers, visits.Load()))
}

func TestDecode(t *testing.T) {
	var v struct {
		ID string `json:"id"`
	}
	a := Answer{Status: 200, Body: []byte(`{"id":"7"}`), host: "crm.example"}
	if err := a.Decode(&v); err != nil || v.ID != "7" {
		t.Errorf("%v, %v", v, err)
	}
	for _, body := range []string{
		"", "<html>", `{"id":7}`, `{"id":"7"`, `{"id":"7"} {}`, "null null", strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	} {
		a.Body = []byte(body)
		err := a.Decode(&v)
		if !errors.Is(err, store.ErrUnavailable) || !strings.HasPrefix(err.Error(), "crm.example answered 200 with") {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

func TestAClientKeepsNoCookies(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		if len(r.Cookies()) > 0 {
			t.Error("a cookie came back")
		}
	}, nil)
	for range 2 {
		if _, err := c.Call(within(t), Request{Method: "GET"}); err != nil {
			t.Error(err)
		}
	}
}
