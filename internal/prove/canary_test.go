package prove_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// canary is in every name, token, password and path of the tests with it. It may be in
// the store, in requests to backends and in the profiles that hooks are given, and
// nowhere else.
const canary = "CANARY"

// A confidant keeps every text that leaves a Middleware for somebody to read: logs as
// zap writes them, in both of its encodings and at all levels, errors, reasons.
type confidant struct {
	log *zap.Logger

	mu      sync.Mutex
	secrets []string
	logs    bytes.Buffer
	texts   []string
	traced  int
}

func newConfidant(secrets ...string) *confidant {
	c := &confidant{secrets: append(secrets, canary)}
	of := zap.NewDevelopmentEncoderConfig()
	out := zapcore.AddSync(writing(func(b []byte) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.logs.Write(b)
	}))
	c.log = zap.New(zapcore.NewTee(
		zapcore.NewCore(zapcore.NewJSONEncoder(of), out, zapcore.DebugLevel),
		zapcore.NewCore(zapcore.NewConsoleEncoder(of), out, zapcore.DebugLevel),
	), zap.AddStacktrace(zapcore.ErrorLevel))
	return c
}

type writing func(b []byte)

func (w writing) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

// hear keeps what an error says in all the ways in which one can be printed, and what
// it wraps.
func (c *confidant) hear(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := err; e != nil; e = errors.Unwrap(e) {
		c.texts = append(c.texts, fmt.Sprintf("%v %+v %q", e, e, e))
	}
}

func (c *confidant) read(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, text)
}

// options are those of a Middleware whose hooks tell the confidant of errors, and of
// all of an outcome but the profile.
func (c *confidant) options(backends ...store.Backend) *middleware.Options {
	return &middleware.Options{
		Logger: c.log, Backends: backends, Attempts: 2, SeenEvery: -1, ExpectedPeople: 1000, Tracer: c,
		OnRetry:   func(_ context.Context, r middleware.Retry) { c.hear(r.Err) },
		OnFailure: func(_ context.Context, _ middleware.Outcome, err error) { c.hear(err) },
		OnOutcome: func(ctx context.Context, o middleware.Outcome) {
			c.hear(o.Err)
			c.read(fmt.Sprint(o.Target, o.Result, o.Key, o.Event, o.Fields, o.Refused, o.Uncleared, o.Reason))
			if o.Result == middleware.Created {
				c.hear(o.Reply(ctx, "hello"))
			}
			panic(o.Profile.GivenName + o.Profile.Username) // the hook's own, with what it knows
		},
	}
}

// A confidant is a Tracer too, of which otelrollcall is one: what it is told goes into
// traces.
func (c *confidant) TraceCommitStart(ctx context.Context, x middleware.Commit) context.Context {
	c.trace(x, x.Err)
	return ctx
}

func (c *confidant) TraceCommitEnd(_ context.Context, x middleware.Commit) { c.trace(x, x.Err) }

func (c *confidant) TraceCallStart(ctx context.Context, x middleware.Call) context.Context {
	c.trace(x, nil)
	return ctx
}

func (c *confidant) TraceCallEnd(_ context.Context, x middleware.Call) {
	for _, p := range x.People {
		c.trace(p, p.Err)
	}
}

func (c *confidant) trace(what any, err error) {
	c.read(fmt.Sprintf("%+v", what))
	c.hear(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traced++
}

// readStandings reads the reasons of dead letters and of what is owed.
func (c *confidant) readStandings(t *testing.T, st store.Outbox) (dead int) {
	t.Helper()
	for s, err := range st.Standings(context.Background(), store.StandingFilter{}) {
		if err != nil {
			t.Error(err)
		}
		if s.State == store.StateDead {
			dead++
		}
		c.read(s.Reason)
	}
	return dead
}

// heard reports whether an error or a reason says that.
func (c *confidant) heard(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.texts, func(text string) bool { return strings.Contains(text, what) })
}

// toldNothing fails where a secret is in anything, and returns how much there was.
func (c *confidant) toldNothing(t *testing.T) (texts int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := append(c.texts, strings.Split(c.logs.String(), "\n")...)
	for _, text := range all {
		for _, secret := range c.secrets {
			if strings.Contains(text, secret) {
				t.Errorf("leaked %q: %.400s", secret, text)
				return len(all)
			}
		}
	}
	return len(all)
}

// A liar stands before a service and answers half of the requests wrongly, mostly
// with all that it was told.
type liar struct {
	service http.Handler
	honest  func() bool
	// accepts means that who is answered 200 may believe it, so that nothing else
	// answers so.
	accepts bool
}

func (l liar) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	said := fmt.Sprint(r.URL, " ", r.Header, " ", string(body))
	w := httptest.NewRecorder()
	kind := rand.N(40)
	if l.honest() || kind >= 20 || l.accepts && (kind < 3 || kind == 16) {
		l.service.ServeHTTP(w, r)
		return w.Result(), nil
	}
	statuses := []int{200, 201, 204, 302, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503}
	switch {
	case kind < len(statuses):
		w.Header().Set("Location", "https://elsewhere.example/"+canary)
		w.Header().Set("Retry-After", said)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(statuses[kind])
		fmt.Fprintf(w, `{"success":false,"statusCode":%d,"error":%q,"message":%q,"errorType":%q}`, statuses[kind], said, said, said)
	case kind == 16:
		fmt.Fprint(w, "<html>", said)
	case kind == 17:
		return nil, fmt.Errorf("dial %s: no route", said)
	case kind == 18:
		<-r.Context().Done()
		return nil, r.Context().Err()
	default:
		l.service.ServeHTTP(w, r) // and the answer is lost
		return nil, io.ErrUnexpectedEOF
	}
	return w.Result(), nil
}
