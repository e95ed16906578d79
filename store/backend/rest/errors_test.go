package rest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func TestEachStatusHasItsKind(t *testing.T) {
	kinds := map[int]error{
		300: store.ErrDenied, 301: store.ErrDenied, 302: store.ErrDenied, 304: store.ErrDenied, 307: store.ErrDenied, 399: store.ErrDenied,
		400: store.ErrInvalid, 401: store.ErrDenied, 402: store.ErrDenied, 403: store.ErrDenied, 404: store.ErrUnavailable,
		405: store.ErrUnavailable, 407: store.ErrDenied, 408: store.ErrUnanswered, 409: store.ErrInvalid, 410: store.ErrUnavailable,
		413: store.ErrInvalid, 418: store.ErrUnavailable, 422: store.ErrInvalid, 425: store.ErrUnavailable, 429: store.ErrUnavailable,
		451: store.ErrUnavailable, 499: store.ErrUnavailable, 500: store.ErrUnavailable, 501: store.ErrUnavailable,
		502: store.ErrUnanswered, 503: store.ErrUnavailable, 504: store.ErrUnanswered, 524: store.ErrUnanswered, 511: store.ErrDenied, 599: store.ErrUnavailable,
		999: store.ErrUnavailable,
	}
	all := []error{store.ErrInvalid, store.ErrDenied, store.ErrUnavailable, store.ErrUnanswered}
	for status, kind := range kinds {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			if status != http.StatusNotModified {
				io.WriteString(w, "more in the body")
			}
		}, nil)
		a, err := c.Call(within(t), Request{Method: "POST", Body: "x"})
		for _, other := range all {
			if errors.Is(err, other) != (other == kind) {
				t.Errorf("%d: wraps %q: %t; %v", status, other, errors.Is(err, other), err)
			}
		}
		if e, ok := errors.AsType[*Error](err); !ok || e.Status != status || e.Host != c.Host() {
			t.Errorf("%d: the error is %#v", status, err)
		}
		if _, throttled := errors.AsType[*store.ThrottledError](err); throttled != (status == 429) {
			t.Errorf("%d: throttled: %t", status, throttled)
		}
		if status != http.StatusNotModified && string(a.Body) != "more in the body" {
			t.Errorf("%d: the body is %q", status, a.Body)
		}
	}
}

func TestRefusalsSayWhatTheyAreTold(t *testing.T) {
	a := Answer{Status: 200, Header: http.Header{"Retry-After": {"9"}}, host: "crm.example"}
	if err := a.RefusalAs(store.ErrInvalid, "error-taken"); !errors.Is(err, store.ErrInvalid) || err.Error() != "crm.example answered 200 error-taken" {
		t.Errorf("%v", err)
	}
	err := a.RefusalAs(store.ErrUnavailable, "")
	if throttled, ok := errors.AsType[*store.ThrottledError](err); !ok || throttled.After != 9*time.Second {
		t.Errorf("unavailable with Retry-After: %v", err)
	}
	if err := a.RefusalAs(store.ErrDenied, ""); !errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("denied with Retry-After: %v", err)
	}
	a.Status = http.StatusTooManyRequests
	if err := a.RefusalAs(store.ErrInvalid, ""); errors.Is(err, store.ErrInvalid) {
		t.Errorf("429 is nobody's fault, whatever a service calls it: %v", err)
	}
	a = Answer{Status: 302, host: "crm.example"}
	if err := a.Refusal(""); !strings.Contains(err.Error(), "redirect") {
		t.Errorf("%v", err)
	}
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]struct {
		after time.Duration
		said  bool
	}{
		"":                               {0, false},
		"0":                              {0, true},
		"120":                            {2 * time.Minute, true},
		" 120 ":                          {2 * time.Minute, true},
		"00007":                          {7 * time.Second, true},
		"Sun, 01 Mar 2026 12:01:30 GMT":  {90 * time.Second, true},
		"Sunday, 01-Mar-26 12:01:30 GMT": {90 * time.Second, true},
		"Sun Mar  1 12:01:30 2026":       {90 * time.Second, true},
		"Sun, 01 Mar 2026 11:00:00 GMT":  {0, true},
		"Mon, 01 Jan 0001 00:00:00 GMT":  {0, true},
		"-5":                             {0, false},
		"+5":                             {0, false},
		"1.5":                            {0, false},
		"1e3":                            {0, false},
		"0x10":                           {0, false},
		"soon":                           {0, false},
		"12 seconds":                     {0, false},
		"٣":                              {0, false},
		"2026-03-01T12:01:30Z":           {0, false},
		"864000":                         {240 * time.Hour, true},
	} {
		after, said := RetryAfter(http.Header{"Retry-After": {value}}, now)
		if after != want.after || said != want.said {
			t.Errorf("%q: %s, %t", value, after, said)
		}
	}
	for _, value := range []string{"2147483648", "9300000000", "9223372036854775807", "9223372036854775808", strings.Repeat("9", 5000), "Fri, 31 Dec 9999 23:59:59 GMT"} {
		if after, said := RetryAfter(http.Header{"Retry-After": {value}}, now); !said || after < 10_000*time.Hour {
			t.Errorf("%.30q: %s, %t", value, after, said)
		}
	}
	if _, said := RetryAfter(nil, now); said {
		t.Error("no header says something")
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "7", "-1", "99999999999999999999", "Sun, 01 Mar 2026 12:01:30 GMT", "Sun Mar  1 12:01:30 2026", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		after, said := RetryAfter(http.Header{"Retry-After": {value}}, now)
		if after < 0 || !said && after != 0 {
			t.Errorf("%q: %s, %t", value, after, said)
		}
	})
}

// certificate returns one that was signed by itself.
func certificate(t *testing.T, name string, from, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestTLSIsVerified(t *testing.T) {
	hour := time.Hour
	good := certificate(t, "127.0.0.1", time.Now().Add(-hour), time.Now().Add(hour))
	expired := certificate(t, "127.0.0.1", time.Now().Add(-2*hour), time.Now().Add(-hour))
	early := certificate(t, "127.0.0.1", time.Now().Add(hour), time.Now().Add(2*hour))
	other := certificate(t, "crm.example", time.Now().Add(-hour), time.Now().Add(hour))
	for name, c := range map[string]struct {
		config  *tls.Config
		trusted bool
		fails   bool
	}{
		"trusted":             {&tls.Config{Certificates: []tls.Certificate{good}}, true, false},
		"self-signed":         {&tls.Config{Certificates: []tls.Certificate{good}}, false, true},
		"expired":             {&tls.Config{Certificates: []tls.Certificate{expired}}, true, true},
		"not valid yet":       {&tls.Config{Certificates: []tls.Certificate{early}}, true, true},
		"another name":        {&tls.Config{Certificates: []tls.Certificate{other}}, true, true},
		"TLS 1.1":             {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, true, true},
		"wants a certificate": {&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			service := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
			service.TLS = c.config
			service.Config.ErrorLog = log.New(io.Discard, "", 0)
			service.StartTLS()
			defer service.Close()
			transport := newTransport()
			if c.trusted {
				transport.TLSClientConfig.RootCAs = x509.NewCertPool()
				transport.TLSClientConfig.RootCAs.AddCert(c.config.Certificates[0].Leaf)
			}
			_, err := client(t, service.URL, &Options{Transport: transport}).Call(within(t), Request{Method: "GET", Path: "secret"})
			if !c.fails {
				if err != nil || !asked {
					t.Errorf("%v", err)
				}
				return
			}
			if !errors.Is(err, store.ErrDenied) || asked {
				t.Errorf("asked: %t, the error is %v", asked, err)
			}
		})
	}
}

func TestTheOwnTransportTrustsNobodyElse(t *testing.T) {
	service := httptest.NewUnstartedServer(http.NotFoundHandler())
	service.Config.ErrorLog = log.New(io.Discard, "", 0)
	service.StartTLS()
	defer service.Close()
	if _, err := client(t, service.URL, nil).Call(within(t), Request{Method: "GET"}); !errors.Is(err, store.ErrDenied) {
		t.Errorf("a certificate of nobody's: %v", err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	_, err := client(t, strings.Replace(plain.URL, "http:", "https:", 1), nil).Call(within(t), Request{Method: "GET"})
	if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "speaks no TLS") {
		t.Errorf("https to a service of plain http: %v", err)
	}
}

// broken starts something that answers each connection with these bytes.
func broken(t *testing.T, bytes string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, bytes)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// banner starts something that speaks first, and no TLS, and returns its address.
func banner(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 mail.example ESMTP\r\n")
			_, _ = io.Copy(io.Discard, conn) // until the client has had enough
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return "https://" + ln.Addr().String()
}

func TestFailuresBeforeAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		base    string
		kind    error
		problem string
	}{
		"nobody listens":    {"http://127.0.0.1:1", store.ErrUnavailable, "refuses the connection"},
		"closed at once":    {broken(t, ""), store.ErrUnanswered, "broke"},
		"no TLS":            {banner(t), store.ErrDenied, "no TLS"},
		"another protocol":  {broken(t, "SSH-2.0-OpenSSH_9.6\r\n"), store.ErrUnanswered, "broke"},
		"ends in the body":  {broken(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), store.ErrUnanswered, "broke"},
		"bad chunks":        {broken(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), store.ErrUnanswered, "broke"},
		"not really packed": {broken(t, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf"), store.ErrUnanswered, "broke"},
		"a flood of headers": {broken(t, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 200)+"\r\n"),
			store.ErrUnanswered, "broke"},
		"a flood of hints": {broken(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 10_000)), store.ErrUnanswered, "broke"},
	} {
		_, err := client(t, c.base, nil).Call(within(t), Request{Method: "POST", Body: "x"})
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing is a transport that always returns the same error.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestANameThatDoesNotExist(t *testing.T) {
	c := client(t, "https://crm.example", &Options{Transport: failing{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "crm.example"}}}})
	_, err := c.Call(within(t), Request{Method: "GET"})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "DNS") {
		t.Errorf("%v", err)
	}
}

// hanging is a transport that waits for the end of the call, as net/http's does.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// TestTheEndOfACallIsToldFromItsFailure ends a ctx with and without saying why: if
// somebody does, that is the error of net/http.
func TestTheEndOfACallIsToldFromItsFailure(t *testing.T) {
	c := client(t, "https://crm.example", &Options{Transport: hanging{}})
	for _, why := range []error{nil, errors.New("the owner said so")} {
		givenUp, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		_, err := c.Call(givenUp, Request{Method: "GET"})
		if !errors.Is(err, store.ErrUnanswered) || !errors.Is(err, context.Canceled) || err.Error() != "crm.example was given up" {
			t.Errorf("given up, %v: %v", why, err)
		}
		brief, stop := context.WithTimeoutCause(t.Context(), time.Millisecond, why)
		_, err = c.Call(brief, Request{Method: "GET"})
		stop()
		if !errors.Is(err, store.ErrUnanswered) || errors.Is(err, context.Canceled) || err.Error() != "crm.example did not answer in time" {
			t.Errorf("out of time, %v: %v", why, err)
		}
	}
	for err, problem := range map[error]string{os.ErrDeadlineExceeded: "in time", io.ErrUnexpectedEOF: "broke"} {
		c := client(t, "https://crm.example", &Options{Transport: failing{err}})
		if _, err := c.Call(within(t), Request{Method: "GET"}); !errors.Is(err, store.ErrUnanswered) || !strings.Contains(err.Error(), problem) {
			t.Errorf("want one that says %q: %v", problem, err)
		}
	}
}

// TestNoErrorHoldsASecret has a canary everywhere that a caller can put one, and
// services that say it back.
func TestNoErrorHoldsASecret(t *testing.T) {
	const canary = "Canary-3f77"
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nRetry-After: %s\r\nX-Error: %s\r\nLocation: https://%s/\r\nContent-Length: %d\r\n\r\n%s",
				status, canary, canary, canary, canary, len(canary), canary)
		}
	}
	var bases []string
	for _, status := range []int{200, 302, 400, 401, 429, 500} {
		server := httptest.NewServer(echo(status))
		defer server.Close()
		bases = append(bases, server.URL)
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	bases = append(bases, secure.URL, broken(t, canary), broken(t, "HTTP/1.1 200 "+canary+"\r\n"+canary+"\r\n\r\n"),
		broken(t, "HTTP/1.1 "+canary+" OK\r\n\r\n"), broken(t, ""), "http://127.0.0.1:1")
	texts := 0
	for _, base := range bases {
		c := client(t, base+"/"+canary, &Options{Header: http.Header{"X-Token": {canary}}})
		for _, r := range []Request{
			{Method: "POST", Path: "people/" + canary, Query: url.Values{"q": {canary}}, Header: http.Header{"X-Other": {canary}}, Body: canary},
			{Method: "POST", Path: canary + "%", Body: canary},
			{Method: "POST", Path: canary + "/..", Body: canary},
			{Method: "P " + canary, Path: canary},
			{Method: "POST", Body: map[string]any{canary: make(chan int)}},
			{Method: "GET", Header: http.Header{canary + "\n": {canary}}},
		} {
			a, err := c.Call(within(t), r)
			if err == nil {
				err = a.Decode(new(int))
			}
			if err == nil {
				t.Fatalf("%s %s: no error", r.Method, base)
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%q", err)} {
				if strings.Contains(text, canary) || strings.Contains(text, "://") || strings.Contains(text, "people") {
					t.Errorf("the text of an error holds what it must not: %s", text)
				}
				texts++
			}
		}
	}
	t.Attr("figure", fmt.Sprintf("0 in %d texts of %d servers", texts, len(bases)))
}

func TestStatus(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, nil)
	_, err := c.Call(within(t), Request{Method: "DELETE"})
	throttled := Answer{Status: 429}.Refusal("")
	for want, err := range map[int]error{
		http.StatusNotFound:        fmt.Errorf("erase: %w", err),
		http.StatusTooManyRequests: throttled,
		0:                          nil,
	} {
		if got := Status(err); got != want {
			t.Errorf("%v: %d", err, got)
		}
	}
	if got := Status(store.ErrUnavailable); got != 0 {
		t.Errorf("of another error: %d", got)
	}
	c = serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil)
	if _, err := c.Call(within(t), Request{Method: "GET"}); err == nil || Status(err) != 0 {
		t.Errorf("without an answer: %v, %d", err, Status(err))
	}
}
