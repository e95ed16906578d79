package middleware_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A hostile server answers half of the requests in one of many wrong ways, some
// of which carry out the request all the same.
type hostile struct {
	service http.Handler

	mu    sync.Mutex
	off   bool
	kinds map[int]int // how often each
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	kind := -1
	if !h.off && rand.N(2) == 0 {
		kind = rand.N(len(wrongAnswers))
		h.kinds[kind]++
	}
	h.mu.Unlock()
	if kind < 0 {
		h.service.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	wrongAnswers[kind](h, w, r, string(body)+fmt.Sprint(r.Header, r.URL))
}

type wrongAnswer func(h *hostile, w http.ResponseWriter, r *http.Request, said string)

func says(status int, body string, header ...string) wrongAnswer {
	return func(_ *hostile, w http.ResponseWriter, _ *http.Request, said string) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "SAID", said))
	}
}

// cut makes a wrong answer of bytes; then the connection is cut.
func cut(raw string) wrongAnswer {
	return func(_ *hostile, w http.ResponseWriter, _ *http.Request, said string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(raw, "SAID", said))
		_ = conn.Close()
	}
}

func hang(_ *hostile, _ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }

// carriedOut makes a wrong answer to a request that was carried out.
func carriedOut(answer wrongAnswer) wrongAnswer {
	return func(h *hostile, w http.ResponseWriter, r *http.Request, said string) {
		h.service.ServeHTTP(httptest.NewRecorder(), r)
		answer(h, w, r, said)
	}
}

var wrongAnswers = []wrongAnswer{
	says(500, `{"error":"SAID"}`),
	says(502, "<html>SAID</html>", "Content-Type", "text/html"),
	says(503, "SAID", "Retry-After", "SAID"),
	says(503, "", "Retry-After", "864000"),
	says(504, ""),
	says(408, ""),
	says(429, `{"success":false,"message":"SAID"}`),
	says(429, "", "Retry-After", "7"),
	says(429, "", "Retry-After", "Sat, 01 Jan 2000 00:10:00 GMT"),
	says(401, "SAID"),
	says(403, "SAID"),
	says(302, "", "Location", "https://elsewhere.example/CANARYTOKEN"),
	says(422, `{"success":false,"message":"SAID"}`),
	says(200, ""),
	says(200, "<html>SAID</html>"),
	says(200, `{"success":true,"da`),
	says(200, `{"success":false,"message":"SAID"}`),
	says(200, `["SAID"]`),
	says(204, ""),
	says(200, strings.Repeat("SAID", 5000)),
	cut("HTTP/1.1 500 SAID\r\nX-Said: SAID\r\n\r\nSAID"),
	cut("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"success\":true"),
	cut("SSH-2.0-OpenSSH SAID\r\n"),
	cut(""),
	hang,
	carriedOut(hang),
	carriedOut(cut("")),
	carriedOut(says(500, "SAID")),
	carriedOut(says(401, "SAID")),
}

// pipes are the connections of a network in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.IPAddr{} }

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reasons are those that the store was seen to hold, each with how often. A
// Replay empties them.
type reasons struct{ dead, retried map[string]int }

func (r reasons) read(held []store.Standing) {
	for _, s := range held {
		switch {
		case s.Reason == "":
		case s.State == store.StateDead:
			r.dead[s.Reason]++
		case s.State == store.StateOwed && s.Attempts > 0:
			r.retried[s.Reason]++
		}
	}
}

func TestHostileServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, token = 100, "CANARYTOKEN"
		service := monosaytest.New(token, nil)
		h := &hostile{service: service, kinds: make(map[int]int)}
		network := pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: h}
		go func() { _ = server.Serve(network) }()
		defer server.Close()
		transport := &http.Transport{DialContext: network.dial}
		defer transport.CloseIdleConnections()
		b, err := monosay.New(token, &monosay.Options{BaseURL: "http://localhost/v1", Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		core, logs := observer.New(zapcore.DebugLevel)
		var mu sync.Mutex
		var texts []string
		note := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			texts = append(texts, fmt.Sprintf("%v %+v %#v", err, err, err))
		}
		st := memstore.New()
		why := reasons{dead: make(map[string]int), retried: make(map[string]int)}
		mw, _ := start(t, st, middleware.Options{
			Backends: backends(b), Logger: zap.New(core), Attempts: 2,
			OnRetry:   func(_ context.Context, r middleware.Retry) { note(r.Err) },
			OnFailure: func(_ context.Context, _ middleware.Outcome, err error) { note(err) },
		})
		for round := range 6 {
			for id := range uint64(people) {
				mw.Observe(person(1+id, round, fmt.Sprintf("CANARYNAME v%d", round)))
			}
			for range 60 {
				time.Sleep(time.Minute)
				why.read(standings(t, st, store.StandingFilter{}))
			}
			if _, err := mw.Replay(t.Context(), "monosay", store.Key{}); err != nil {
				t.Error(err)
			}
		}
		h.mu.Lock()
		h.off = true
		h.mu.Unlock()
		if _, err := mw.Replay(t.Context(), "monosay", store.Key{}); err != nil {
			t.Error(err)
		}
		drain(t, mw)
		if n := len(service.Users()); n != people {
			t.Errorf("%d people there, want %d", n, people)
		}
		for id := range uint64(people) {
			u, _ := service.User(keyOf(1 + id).String())
			if !strings.Contains(fmt.Sprint(u), "CANARYNAME v5") {
				t.Errorf("%d has %v", 1+id, u)
			}
		}
		if len(h.kinds) != len(wrongAnswers) {
			t.Errorf("%d kinds of fault, want %d", len(h.kinds), len(wrongAnswers))
		}
		if err := mw.Close(t.Context()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		t.Logf("reasons of dead letters: %v\nand of retries: %v", why.dead, why.retried)
		t.Attr("figure", fmt.Sprintf("%d kinds of answer, half of all requests; all converged, 0 leaks in %d texts", len(h.kinds), len(texts)))
		if len(why.dead) == 0 || len(why.retried) == 0 {
			t.Errorf("%d reasons of dead letters and %d of retries were seen, want some of both", len(why.dead), len(why.retried))
		}
		texts = slices.AppendSeq(texts, maps.Keys(why.dead))
		texts = slices.AppendSeq(texts, maps.Keys(why.retried))
		for _, entry := range logs.All() {
			texts = append(texts, fmt.Sprint(entry.Message, entry.ContextMap()))
		}
		if len(texts) < 1000 {
			t.Errorf("only %d texts seen", len(texts))
		}
		for _, text := range texts {
			if strings.Contains(text, "CANARY") {
				t.Fatalf("leaked: %.300s", text)
			}
		}
	})
}
