package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
	"github.com/rollcall-go/rollcall/store/backend/webhook"
	"github.com/rollcall-go/rollcall/store/backend/webhook/webhooktest"
)

const (
	monosayToken = "token-of-the-channel"
	//nolint:gosec // of a double
	webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// callTimeout is how long a call of a backend may take. It decides how long a person
// waits whose deliverer died in the middle of the call: until it can no longer land,
// and then ten seconds.
const callTimeout = time.Second

// The backends of the deliverer, with a shorter timeout than their own.
type (
	quickMonosay struct{ *monosay.Backend }
	quickWebhook struct{ *webhook.Backend }
)

func (b quickMonosay) Traits() store.Traits { return quick(b.Backend.Traits()) }
func (b quickWebhook) Traits() store.Traits { return quick(b.Backend.Traits()) }

func quick(t store.Traits) store.Traits {
	t.Timeout = callTimeout
	return t
}

func (r role) backends() ([]store.Backend, error) {
	m, err := monosay.New(monosayToken, &monosay.Options{BaseURL: r.MonosayURL})
	if err != nil {
		return nil, err
	}
	w, err := webhook.New(r.WebhookURL, []string{webhookSecret}, nil)
	if err != nil {
		return nil, err
	}
	return []store.Backend{quickMonosay{m}, quickWebhook{w}}, nil
}

// mirrors are the two systems that are kept in step, doubles in the parent process.
type mirrors struct {
	monosay *monosaytest.Service
	webhook *webhooktest.Service
	// monosayServer is behind a door that can be held shut.
	monosayServer, webhookServer *httptest.Server
	door                         door
}

// mirrorNames are the names of the backends.
var mirrorNames = []string{"monosay", "webhook"}

func startMirrors() *mirrors {
	m := &mirrors{monosay: monosaytest.New(monosayToken, nil), webhook: webhooktest.New(webhookSecret)}
	m.door.behind = m.monosay
	m.monosayServer, m.webhookServer = httptest.NewServer(&m.door), httptest.NewServer(m.webhook)
	return m
}

func (m *mirrors) close() {
	m.monosayServer.CloseClientConnections()
	m.monosayServer.Close()
	m.webhookServer.Close()
}

// hold returns the name that a mirror has somebody by, "" for nobody.
func (m *mirrors) hold(backend string, key store.Key) string {
	if backend == "monosay" {
		u, _ := m.monosay.User(key.String())
		return strings.TrimSpace(u.Name + " " + u.Surname)
	}
	fields, _ := m.webhook.Person(key.String())
	return fields[string(store.FieldName)]
}

// A door lets requests through, but for the one that is caught: that waits until
// who sent it is gone, and gets no further.
type door struct {
	behind http.Handler
	mu     sync.Mutex
	caught chan struct{} // closed for the first request after catch
}

// catch makes the door catch the next request. The channel is closed when it has.
func (d *door) catch() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.caught = make(chan struct{})
	return d.caught
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	caught := d.caught
	d.caught = nil
	d.mu.Unlock()
	if caught == nil {
		d.behind.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the sender is gone
	close(caught)
	<-r.Context().Done()
}
