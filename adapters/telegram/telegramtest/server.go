package telegramtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options are the settings of a Server. The zero value and nil are ready to use.
type Options struct {
	// Token is the only bot token that the server accepts. "": one that looks
	// like a real one.
	Token string
	// Me is the bot. The zero User: @rollcall_bot.
	Me User
}

const defaultToken = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"

// A Server is a Bot API server for one bot. All its methods may be called from
// many goroutines at once. Make one with [NewServer].
type Server struct {
	token string
	me    User
	url   string

	http     *http.Server
	outgoing *http.Client // to webhooks
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	changed  chan struct{} // closed and replaced whenever something below changes
	pending  []pending     // not confirmed yet, ids rising
	nextID   int
	messages int
	poll     chan struct{} // closed to end the poll in progress
	allowed  []string
	webhook  webhook
	calls    []Call
	failures map[string][]Error
}

// NewServer starts a server on a free port of 127.0.0.1. The error is that of
// the operating system.
func NewServer(o *Options) (*Server, error) {
	if o == nil {
		o = &Options{}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("telegramtest: listen: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		token:    o.Token,
		me:       o.Me,
		url:      "http://" + l.Addr().String(),
		outgoing: newOutgoing(),
		ctx:      ctx,
		cancel:   cancel,
		changed:  make(chan struct{}),
		nextID:   1,
		failures: make(map[string][]Error),
	}
	if s.token == "" {
		s.token = defaultToken
	}
	if s.me.ID == 0 {
		s.me = User{ID: 110201543, IsBot: true, FirstName: "Rollcall", Username: "rollcall_bot"}
	}
	s.http = &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
	}
	s.running.Go(func() { s.http.Serve(l) })
	return s, nil
}

// URL is the base of the server, what telebot calls Settings.URL.
func (s *Server) URL() string { return s.url }

// Token is the token that the bot must use.
func (s *Server) Token() string { return s.token }

// Me is the bot, as getMe tells it.
func (s *Server) Me() User { return s.me }

// Close ends all requests and deliveries and returns when they are gone. A
// second Close does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.announce()
	s.mu.Unlock()

	s.cancel()
	err := s.http.Close()
	s.running.Wait()
	s.outgoing.CloseIdleConnections()
	return err
}

// announce wakes everyone who waits for a change. The caller holds s.mu.
func (s *Server) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// An Error is what the server answers instead of a result.
// https://core.telegram.org/bots/api#making-requests
type Error struct {
	Code        int    // HTTP status and error_code
	Description string // "": the usual one of the Code
	RetryAfter  int    // seconds, for 429; 0: not sent
	MigrateTo   int64  // the supergroup that a group has become, for 400; 0: not sent
}

// Fail makes the next calls of method fail, one for each error, before it works
// again. The name of the method does not mind case, as with Telegram.
func (s *Server) Fail(method string, errs ...Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := strings.ToLower(method)
	s.failures[m] = append(s.failures[m], errs...)
}

func (s *Server) takeFailure(method string) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.failures[method]
	if len(queue) == 0 {
		return nil
	}
	s.failures[method] = queue[1:]
	return &queue[0]
}

// ServeHTTP answers /bot<token>/<method>. It is what the server listens with, and
// can be mounted elsewhere too.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		respond(w, nil, &Error{Code: http.StatusServiceUnavailable})
		return
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()

	token, method, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/bot"), "/")
	if !ok || !strings.HasPrefix(r.URL.Path, "/bot") {
		respond(w, nil, &Error{Code: http.StatusNotFound})
		return
	}
	if token != s.token {
		respond(w, nil, &Error{Code: http.StatusUnauthorized})
		return
	}
	p, err := readParams(r)
	if err != nil {
		respond(w, nil, &Error{Code: http.StatusBadRequest, Description: "Bad Request: " + err.Error()})
		return
	}
	result, fault := s.call(r.Context(), method, p)
	respond(w, result, fault)
}

func (s *Server) call(ctx context.Context, method string, p params) (any, *Error) {
	name := strings.ToLower(method)
	if name != "getupdates" {
		s.record(method, p)
	}
	if fault := s.takeFailure(name); fault != nil {
		return nil, fault
	}
	switch name {
	case "getupdates":
		return s.getUpdates(ctx, p)
	case "setwebhook":
		return s.setWebhook(p)
	case "deletewebhook":
		return s.deleteWebhook(p)
	case "getwebhookinfo":
		return s.webhookInfo(), nil
	}
	answer, ok := methods[name]
	if !ok {
		return nil, &Error{Code: http.StatusNotFound, Description: "Not Found: method not found"}
	}
	return answer(s, p), nil
}

func respond(w http.ResponseWriter, result any, fault *Error) {
	w.Header().Set("Content-Type", "application/json")
	if fault == nil {
		json.NewEncoder(w).Encode(map[string]any{"ok": true, "result": result})
		return
	}
	envelope := map[string]any{"ok": false, "error_code": fault.Code, "description": fault.Description}
	if fault.Description == "" {
		envelope["description"] = http.StatusText(fault.Code)
		switch {
		case fault.RetryAfter > 0:
			envelope["description"] = fmt.Sprintf("Too Many Requests: retry after %d", fault.RetryAfter)
		case fault.MigrateTo != 0:
			envelope["description"] = "Bad Request: group chat was upgraded to a supergroup chat"
		}
	}
	switch {
	case fault.RetryAfter > 0:
		envelope["parameters"] = map[string]any{"retry_after": fault.RetryAfter}
	case fault.MigrateTo != 0:
		envelope["parameters"] = map[string]any{"migrate_to_chat_id": fault.MigrateTo}
	}
	w.WriteHeader(fault.Code)
	json.NewEncoder(w).Encode(envelope)
}
