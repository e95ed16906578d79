package otelrollcall

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// gauges are what is asked for when metrics are collected.
type gauges struct {
	observations metric.Int64ObservableCounter
	skipped      metric.Int64ObservableCounter
	waiting      metric.Int64ObservableUpDownCounter
	expired      metric.Int64ObservableCounter
	gate         metric.Int64ObservableUpDownCounter
	calls        metric.Int64ObservableUpDownCounter
	owed         metric.Int64ObservableGauge
	dead         metric.Int64ObservableGauge
}

// Watch has the counters and states of mw collected too, from now on until the
// Registration's Unregister, which may be left away: after mw.Close they stay what
// they were last. To be called once, with the Middleware that has t as its
// Options.Tracer. Neither the bot nor a collection waits for a store that hangs. The
// error is that of the MeterProvider, which may refuse an instrument, or wraps
// store.ErrInvalid where mw is nil.
func (t *Tracer) Watch(mw *middleware.Middleware) (metric.Registration, error) {
	if mw == nil {
		return nil, fmt.Errorf("otelrollcall: watch: the Middleware is nil; did its New return an error? %w", store.ErrInvalid)
	}
	g, err := newGauges(t.meter)
	if err != nil {
		return nil, fmt.Errorf("otelrollcall: watch: %w", err)
	}
	w := &watcher{t: t, mw: mw, gauges: g, backlogs: backlogs{ask: mw.Backlogs, every: t.every}}
	r, err := t.meter.RegisterCallback(w.collect, g.observations, g.skipped, g.waiting, g.expired, g.gate, g.calls, g.owed, g.dead)
	if err != nil {
		return nil, fmt.Errorf("otelrollcall: watch: %w", err)
	}
	return r, nil
}

func newGauges(meter metric.Meter) (*gauges, error) {
	var g gauges
	var errs [8]error
	g.observations, errs[0] = meter.Int64ObservableCounter("rollcall.observations", metric.WithUnit("{observation}"),
		metric.WithDescription("What became of observations at the store."))
	g.skipped, errs[1] = meter.Int64ObservableCounter("rollcall.hooks.skipped", metric.WithUnit("{outcome}"),
		metric.WithDescription("Outcomes that no hook was told of, because too many waited for a slow one."))
	g.waiting, errs[2] = meter.Int64ObservableUpDownCounter("rollcall.people.waiting", metric.WithUnit("{person}"),
		metric.WithDescription("People who wait in memory to be saved."))
	g.expired, errs[3] = meter.Int64ObservableCounter("rollcall.people.expired", metric.WithUnit("{person}"),
		metric.WithDescription("People who were erased from the store, because there was no sign of life of them."))
	g.gate, errs[4] = meter.Int64ObservableUpDownCounter("rollcall.backend.gate", metric.WithUnit("{backend}"),
		metric.WithDescription("1 for the state of a backend's gate, 0 for the others."))
	g.calls, errs[5] = meter.Int64ObservableUpDownCounter("rollcall.backend.active_calls", metric.WithUnit("{call}"),
		metric.WithDescription("Calls to a backend that run."))
	g.owed, errs[6] = meter.Int64ObservableGauge("rollcall.backend.owed", metric.WithUnit("{person}"),
		metric.WithDescription("People whom the store owes to a backend, whichever process delivers them."))
	g.dead, errs[7] = meter.Int64ObservableGauge("rollcall.backend.dead_letters", metric.WithUnit("{person}"),
		metric.WithDescription("People whom a backend will not take, until they change or are replayed."))
	return &g, errors.Join(errs[:]...)
}

// A watcher collects from one Middleware.
type watcher struct {
	t        *Tracer
	mw       *middleware.Middleware
	gauges   *gauges
	backlogs backlogs
}

func (w *watcher) collect(ctx context.Context, o metric.Observer) error {
	g := w.gauges
	put := func(what metric.Int64Observable, n int64, attributes ...attribute.KeyValue) {
		o.ObserveInt64(what, n, w.t.set(attributes...))
	}
	s := w.mw.Stats()
	for _, r := range []struct {
		result middleware.Result
		n      uint64
	}{
		{middleware.Created, s.Created}, {middleware.Updated, s.Updated}, {middleware.Unchanged, s.Unchanged},
		{middleware.Coalesced, s.Coalesced}, {middleware.Failed, s.Failed},
	} {
		put(g.observations, int64(r.n), keyResult.String(string(r.result)))
	}
	for reason, n := range w.mw.Drops() {
		put(g.observations, int64(n), keyResult.String(string(middleware.Dropped)), keyReason.String(string(reason)))
	}
	put(g.skipped, int64(s.HooksSkipped))
	put(g.waiting, int64(s.Waiting))
	put(g.expired, int64(s.Expired))
	for _, b := range w.mw.Backends() {
		name := keyBackend.String(b.Backend)
		put(g.calls, int64(b.InFlight), name)
		for _, gate := range []middleware.Gate{middleware.GateOpen, middleware.GateThrottled, middleware.GateTripped, middleware.GateDenied} {
			n := int64(0)
			if gate == b.Gate {
				n = 1
			}
			put(g.gate, n, name, keyGate.String(string(gate)))
		}
	}
	for _, b := range w.backlogs.latest(ctx) {
		name := keyBackend.String(b.Backend)
		put(g.owed, int64(b.Owed-b.Bulk), name, lane(false))
		put(g.owed, int64(b.Bulk), name, lane(true))
		put(g.dead, int64(b.Dead), name)
	}
	return nil
}
