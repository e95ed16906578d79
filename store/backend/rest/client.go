package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

// A Client calls one service. Its methods may be called from many goroutines at
// once. Make one with [New].
type Client struct {
	base   url.URL
	header http.Header
	http   *http.Client
}

// Options are the settings of a Client. The zero value and nil are ready to use.
type Options struct {
	// Header is sent with every request. It is copied.
	Header http.Header
	// Transport carries the requests. nil: one of the Client's own, with TLS 1.2
	// or later and verified. Whoever gives one answers for that.
	Transport http.RoundTripper
	// Insecure allows a base URL of plain HTTP to another machine, which shows
	// tokens and names to everybody on the way. For a trusted network only.
	Insecure bool
}

// New returns a Client for the service at base, an absolute URL such as
// "https://api.example.com/v1". o may be nil. The error wraps store.ErrInvalid.
func New(base string, o *Options) (*Client, error) {
	if o == nil {
		o = &Options{}
	}
	u, problem := parseBase(base, o.Insecure)
	if problem != "" {
		return nil, fmt.Errorf("rest: the base URL %s: %w", problem, store.ErrInvalid)
	}
	if !sendable(o.Header) {
		return nil, fmt.Errorf("rest: a header cannot be sent; trim what was read from a file: %w", store.ErrInvalid)
	}
	transport := o.Transport
	if transport == nil {
		transport = newTransport()
	}
	return &Client{
		base:   u,
		header: o.Header.Clone(),
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// parseBase says what is wrong with base without quoting it: it may hold a
// password that somebody put there.
func parseBase(base string, insecure bool) (u url.URL, problem string) {
	parsed, err := url.Parse(base)
	switch {
	case err != nil, parsed.Host == "", parsed.Opaque != "":
		return u, "is not an absolute one, such as https://api.example.com"
	case parsed.User != nil:
		return u, "holds a user or password; give credentials by their option"
	case parsed.RawQuery != "", parsed.ForceQuery, parsed.Fragment != "":
		return u, "holds a query or fragment; leave it out"
	case parsed.Scheme == "https":
	case parsed.Scheme != "http":
		return u, "is neither https nor http"
	case !insecure && !loopback(parsed.Hostname()):
		return u, "is plain http to another machine; use https, or Options.Insecure on a trusted network"
	}
	return *parsed, ""
}

// sendable reports whether net/http takes these headers. A token with the line
// break of its file is what it refuses most.
func sendable(h http.Header) bool {
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
			return false
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return false
			}
		}
	}
	return true
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Host returns the host of the base URL, with the port where it has one.
func (c *Client) Host() string { return c.base.Host }

// Close closes the connections that wait for another request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// A Request is one call.
type Request struct {
	Method string // "GET", "POST", ...
	// Path is joined to the base URL by one '/'. Escape what is put into it
	// (url.PathEscape). It has no query, and no part that is "." or "..", which
	// are elsewhere for most servers. "": the base URL as it is.
	Path  string
	Query url.Values
	// Header adds to that of Options, and replaces it where both have a name.
	Header http.Header
	// Body is sent as JSON, with '<', '>' and '&' as they are. A []byte is sent
	// as it is. nil: no body.
	Body any
}

// An Answer is what a service answered, of any status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	host string
}

// Call makes one request and returns its answer where the status is 200 to 299.
// Otherwise the error is an *Error, and the Answer has come all the same where
// Error.Status is not 0: for services that say more in the body.
//
// Where there is no answer, the error wraps store.ErrUnavailable if no request can
// have got there, store.ErrDenied for a certificate that cannot be trusted or TLS
// that is refused, and store.ErrUnanswered otherwise.
//
// The call ends with ctx, which needs a deadline.
func (c *Client) Call(ctx context.Context, r Request) (Answer, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, c.failure(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return Answer{}, c.failure(ctx, err)
	case len(body) > maxAnswer:
		return Answer{}, &Error{Host: c.base.Host, Problem: "answered more than 1 MiB", kind: store.ErrUnanswered}
	}
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, host: c.base.Host}
	if a.Status < 200 || a.Status > 299 {
		return a, a.Refusal("")
	}
	return a, nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		raw, err := encode(r.Body)
		if err != nil {
			return nil, &Error{Host: c.base.Host, Problem: "the request cannot be written as JSON", kind: store.ErrInvalid}
		}
		body = bytes.NewReader(raw)
	}
	u, problem := c.join(r.Path)
	if problem != "" {
		return nil, &Error{Host: c.base.Host, Problem: problem, kind: store.ErrInvalid}
	}
	u.RawQuery = r.Query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		return nil, &Error{Host: c.base.Host, Problem: "the request cannot be made", kind: store.ErrInvalid}
	}
	if !sendable(r.Header) {
		return nil, &Error{Host: c.base.Host, Problem: "cannot be sent a header", kind: store.ErrDenied}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "rollcall")
	for _, header := range []http.Header{c.header, r.Header} {
		for name, values := range header {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	return req, nil
}

// join says what is wrong with path where it cannot be asked for.
func (c *Client) join(path string) (u url.URL, problem string) {
	u = c.base
	if path == "" {
		return u, ""
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") + "/" + strings.Join(parts, "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		switch {
		case err != nil:
			return u, "cannot be asked for a path that is not escaped"
		case plain == ".", plain == "..":
			return u, "cannot be asked for a path with a part that is . or .."
		}
		parts[i] = plain
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + strings.Join(parts, "/")
	if u.EscapedPath() != u.RawPath {
		return u, "cannot be asked for a path that is not escaped"
	}
	return u, ""
}

// encode writes v as JSON that no reader has to unescape for '<', '>' and '&',
// which matters where the body is signed.
func encode(v any) ([]byte, error) {
	if raw, ok := v.([]byte); ok {
		return raw, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads the body as JSON into v, whatever type the service said it is. The
// error is an *Error that wraps store.ErrUnavailable: a service that answers
// something else is not itself at the moment.
func (a Answer) Decode(v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return &Error{Host: a.host, Status: a.Status, Problem: "with something that is not the JSON expected", kind: store.ErrUnavailable}
	}
	return nil
}
