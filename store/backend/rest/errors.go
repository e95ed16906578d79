package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// An Error is a call that failed. It wraps one sentinel of package store, by
// which the middleware decides what to do, and holds nothing secret: whatever
// the service or the network said beyond its fields is left out, since a service
// may well say our own token back to us.
type Error struct {
	Host   string
	Status int // 0: no answer
	// Code is the service's own code of the problem, "" for none or one that is
	// not known.
	Code string
	// Problem says what went wrong where Status and Code do not.
	Problem string

	kind error
}

// Error says the fields that are set, such as "crm.example.com answered 404".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Host)
	if e.Status != 0 {
		fmt.Fprintf(&b, " answered %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Problem != "" {
		b.WriteString(" " + e.Problem)
	}
	return b.String()
}

// Unwrap returns a sentinel of package store.
func (e *Error) Unwrap() error { return e.kind }

// Status returns the status that the service answered, of an error of this
// package's, and 0 where err is another one or there was no answer. With it a
// backend says that there is nobody to erase, for one:
//
//	if rest.Status(err) == http.StatusNotFound {
//		return nil
//	}
func Status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// Refusal returns the error that a says by its status, and 200 to 299 too, for
// services that report failures there. code is the service's own, one of those
// that the caller knows, and "" for others: never text as it came, in which a
// service may say our own token back to us. The error is an *Error, within a
// *store.ThrottledError for 429, and for what comes with Retry-After and is
// store.ErrUnavailable.
//
//	400, 409, 413, 422            store.ErrInvalid
//	401, 402, 403, 407, 3xx, 511  store.ErrDenied
//	408, 502, 504, 524            store.ErrUnanswered: a gateway gave up, the service need not
//	all others                    store.ErrUnavailable
//
// A service that refuses everybody, for a quota that is used up, may say so by a
// code of its own with 400 or 200: give store.ErrDenied to RefusalAs then, so that
// no person is given up for it.
func (a Answer) Refusal(code string) error { return a.RefusalAs(kindOf(a.Status), code) }

// RefusalAs is Refusal for a service whose status does not tell: kind is the
// sentinel to wrap, but for 429.
func (a Answer) RefusalAs(kind error, code string) error {
	if a.Status == http.StatusTooManyRequests {
		kind = store.ErrUnavailable
	}
	e := &Error{Host: a.host, Status: a.Status, Code: code, kind: kind}
	if a.Status >= 300 && a.Status <= 399 {
		e.Problem = "(a redirect, which is never followed; check the address)"
	}
	after, said := RetryAfter(a.Header, time.Now())
	if a.Status == http.StatusTooManyRequests || said && errors.Is(kind, store.ErrUnavailable) {
		return &store.ThrottledError{After: after, Err: e}
	}
	return e
}

func kindOf(status int) error {
	switch {
	case status == http.StatusBadRequest, status == http.StatusConflict, status == http.StatusRequestEntityTooLarge,
		status == http.StatusUnprocessableEntity:
		return store.ErrInvalid
	case status == http.StatusUnauthorized, status == http.StatusPaymentRequired, status == http.StatusForbidden,
		status == http.StatusProxyAuthRequired, status >= 300 && status <= 399, status == http.StatusNetworkAuthenticationRequired:
		return store.ErrDenied
	case status == http.StatusRequestTimeout, status == http.StatusBadGateway, status == http.StatusGatewayTimeout, status == 524:
		return store.ErrUnanswered
	}
	return store.ErrUnavailable
}

// RetryAfter reads the header of that name, in both of its forms: seconds, and a
// date, which counts from now. A date that has passed is 0. said is false where
// there is none, or none that can be read.
func RetryAfter(h http.Header, now time.Time) (after time.Duration, said bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	const most = 1 << 31 // seconds, far beyond what anybody waits
	if digits := strings.TrimLeft(value, "0123456789"); digits == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > most {
			seconds = most
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

// failure says why there is no answer. None of the words of err are taken over.
func (c *Client) failure(ctx context.Context, err error) error {
	e := &Error{Host: c.base.Host, kind: store.ErrUnanswered}
	var header tls.RecordHeaderError
	var netErr net.Error
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Problem, e.kind = "was given up", errors.Join(store.ErrUnanswered, context.Canceled)
	case errors.As(err, &dns):
		e.Problem, e.kind = "has no address in the DNS", store.ErrUnavailable
	case errors.As(err, &op) && op.Op == "dial":
		e.Problem, e.kind = "cannot be connected to", store.ErrUnavailable
		if errors.Is(err, syscall.ECONNREFUSED) {
			e.Problem = "refuses the connection"
		}
	case untrusted(err):
		e.Problem, e.kind = "has no certificate that can be trusted", store.ErrDenied
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &header):
		e.Problem, e.kind = "speaks no TLS", store.ErrDenied
	case errors.As(err, &op) && op.Op == "remote error":
		e.Problem, e.kind = "refuses the TLS connection", store.ErrDenied
	case ctx.Err() != nil, errors.As(err, &netErr) && netErr.Timeout():
		e.Problem = "did not answer in time"
	default:
		e.Problem = "broke the connection, or answered no HTTP"
	}
	return e
}

func untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &hostname) ||
		errors.As(err, &invalid)
}
