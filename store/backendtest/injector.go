package backendtest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
)

// An injector serves the double and, when told so, a fault in its place.
type injector struct {
	double  http.Handler
	server  *httptest.Server
	closing chan struct{}

	mu      sync.Mutex
	asked   map[url.URL]bool
	fault   *fault
	at      int  // 0: every request has the fault; n: the nth one alone
	since   int  // requests since the fault was set
	flooded bool // a fault wrote more than anybody should read
	hit     chan struct{}
	blanks  map[blankAnswer]bool
}

// A blankAnswer is one without a body that the double gives of its own.
type blankAnswer struct {
	method string
	status int
}

func serve(double http.Handler) *injector {
	in := &injector{double: double, closing: make(chan struct{}), asked: make(map[url.URL]bool), blanks: make(map[blankAnswer]bool)}
	in.server = httptest.NewServer(in)
	return in
}

func (in *injector) URL() string { return in.server.URL }

func (in *injector) Close() {
	close(in.closing)
	in.server.CloseClientConnections()
	in.server.Close()
}

// Asked returns the address of every request so far, once each.
func (in *injector) Asked() []url.URL {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Collect(maps.Keys(in.asked))
}

// Inject puts f in the place of the double for the nth request from now, or for
// all of them with 0, but for those where the double would give the same answer
// itself. hit is closed when the first one gets it.
func (in *injector) Inject(f fault, nth int) (hit <-chan struct{}) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fault, in.at, in.since, in.hit = &f, nth, 0, make(chan struct{})
	return in.hit
}

// Lift ends the fault and returns how many requests came since Inject.
func (in *injector) Lift() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fault = nil
	return in.since
}

// Flooded reports whether a fault wrote more than anybody should have read.
func (in *injector) Flooded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.flooded
}

func (in *injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f := in.next(r); f != nil {
		f.serve(in, w, r)
		return
	}
	in.double.ServeHTTP(w, r)
}

func (in *injector) learn(method string, status int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.blanks[blankAnswer{method, status}] = true
}

func (in *injector) next(r *http.Request) *fault {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.since++
	in.asked[*r.URL] = true
	if in.fault == nil || in.at != 0 && in.at != in.since || in.blanks[blankAnswer{r.Method, in.fault.blank}] {
		return nil
	}
	select {
	case <-in.hit:
	default:
		close(in.hit)
	}
	return in.fault
}
