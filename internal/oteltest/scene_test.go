package oteltest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/webhook"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	// token stands in the address of the backend, as some services want it.
	token = "canary-token-7f3a"
)

// A scene is a Middleware with a real store and a backend on loopback, which
// OpenTelemetry's SDK watches.
type scene struct {
	t        *testing.T
	mw       *middleware.Middleware
	reader   *sdkmetric.ManualReader
	registry *prometheus.Registry
	spans    *tracetest.SpanRecorder
	// answer says which status the backend answers with. nil: 200.
	answer atomic.Pointer[func(body string) int]
	// refuse is what the store answers to Apply. nil: it works.
	refuse atomic.Pointer[error]
}

func newScene(t *testing.T, o *otelrollcall.Options) *scene {
	t.Helper()
	s := &scene{t: t, reader: sdkmetric.NewManualReader(), registry: prometheus.NewRegistry(), spans: tracetest.NewSpanRecorder()}
	exporter, err := otelprom.New(otelprom.WithRegisterer(s.registry))
	s.must(err)
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader), sdkmetric.WithReader(exporter))
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s.spans))

	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(srv.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	crm, err := webhook.New(srv.URL+"/hooks/"+token, []string{secret}, &webhook.Options{
		Name: "crm",
		Transport: otelhttp.NewTransport(transport, otelhttp.WithTracerProvider(tracers), otelhttp.WithPropagators(propagation.TraceContext{}),
			otelhttp.WithMeterProvider(sdkmetric.NewMeterProvider())),
	})
	s.must(err)
	st, err := sqlitestore.Open(filepath.Join(t.TempDir(), "users.db"))
	s.must(err)
	t.Cleanup(func() { _ = st.Close() })

	all := *o
	all.MeterProvider, all.TracerProvider = meters, tracers
	if all.BacklogEvery == 0 {
		all.BacklogEvery = time.Nanosecond // each time
	}
	tel, err := otelrollcall.New(&all)
	s.must(err)
	s.mw, err = middleware.New(&tracedStore{Store: st, s: s, tracers: tracers}, &middleware.Options{Tracer: tel, Backends: []store.Backend{crm}})
	s.must(err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.mw.Close(ctx)
	})
	_, err = tel.Watch(s.mw)
	s.must(err)
	s.drain()
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	status := http.StatusOK
	if answer := s.answer.Load(); answer != nil {
		status = (*answer)(string(body))
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
}

// answers has the backend answer whatever is about a person of this name with
// status, and all else with 200. status 0: all with 200.
func (s *scene) answers(name string, status int) {
	answer := func(body string) int {
		if status != 0 && strings.Contains(body, name) {
			return status
		}
		return http.StatusOK
	}
	s.answer.Store(&answer)
}

var errAway = fmt.Errorf("sqlitestore: apply telegram:canarina: disk is full: %w", store.ErrUnavailable)

// refuses has the store answer every Apply with err, or work again where that is nil.
func (s *scene) refuses(err error) {
	if err == nil {
		s.refuse.Store(nil)
		return
	}
	s.refuse.Store(&err)
}

// A tracedStore makes spans as a database's client does.
type tracedStore struct {
	*sqlitestore.Store
	s       *scene
	tracers *sdktrace.TracerProvider
}

func (st *tracedStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	ctx, span := st.tracers.Tracer("database").Start(ctx, "INSERT")
	defer span.End()
	if err := st.s.refuse.Load(); err != nil {
		return nil, *err
	}
	return st.Store.Apply(ctx, deltas)
}

func (s *scene) observe(id int, name string) {
	p := middleware.Sender{Channel: "telegram", UserID: strconv.Itoa(id), At: time.Now()}
	p.Set(store.FieldName, name)
	s.mw.Observe(&p)
}

func (s *scene) flush() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	s.must(s.mw.Flush(ctx))
}

func (s *scene) drain() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	s.must(s.mw.Drain(ctx))
}

// play has every instrument measure something; names are made of name, and ids
// count from first.
func (s *scene) play(first int, name string) {
	s.t.Helper()
	s.answers("", 0)
	s.refuses(errAway)
	s.observe(first, name)
	s.until("the store refuses", func() bool {
		return s.scrape().sum("rollcall_commit_duration_seconds_count", "error_type", "unavailable") > 0
	})
	s.refuses(nil)
	s.flush()
	s.observe(first, name) // unchanged
	s.observe(first, name+" the second")
	s.mw.Observe(&middleware.Sender{Channel: "telegram", UserID: "1", Drop: middleware.ReasonBot})
	s.drain()

	s.answers(name, http.StatusInternalServerError)
	s.observe(first+1, name)
	for _, wrong := range []struct {
		status int
		result string
	}{
		{http.StatusInternalServerError, "retried"}, {http.StatusTooManyRequests, "throttled"}, {http.StatusUnprocessableEntity, "dead letter"},
	} {
		before := s.result(wrong.result)
		s.answers(name, wrong.status)
		s.until("a delivery is "+wrong.result, func() bool { return s.result(wrong.result) > before })
	}
	s.answers("", 0)
	s.must(s.mw.Forget(s.t.Context(), store.Key{Channel: "telegram", UserID: strconv.Itoa(first)}))
	s.drain()
}

// result is how many people calls ended so with.
func (s *scene) result(result string) float64 {
	return s.scrape().sum("rollcall_backend_deliveries_total", "rollcall_result", result)
}

func (s *scene) until(what string, done func() bool) {
	s.t.Helper()
	for giveUp := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(giveUp) {
			s.t.Fatalf("not so after a minute: %s", what)
		}
	}
}

// text is what Prometheus gets.
func (s *scene) text() string {
	s.t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).
		ServeHTTP(w, httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		s.t.Fatalf("the scrape answers %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func (s *scene) scrape() samples {
	s.t.Helper()
	all, err := parseText(s.text())
	s.must(err)
	return all
}
