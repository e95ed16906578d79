package otelrollcall

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rollcall-go/rollcall/middleware"
)

// ScopeName is the instrumentation scope of all metrics and spans.
const ScopeName = "github.com/rollcall-go/rollcall/middleware/otelrollcall"

const defaultBacklogEvery = time.Minute

// Options are the settings of a Tracer. The zero value and nil are ready to use.
type Options struct {
	// MeterProvider takes the metrics. nil: the global one.
	MeterProvider metric.MeterProvider
	// TracerProvider takes the spans. nil: the global one. To have metrics alone, give
	// it the one of go.opentelemetry.io/otel/trace/noop.
	TracerProvider trace.TracerProvider
	// Attributes are added to all metrics and spans. Two Middlewares in one process
	// need one that differs, and a Tracer each: else their numbers overwrite each
	// other. They must not tell of people.
	Attributes []attribute.KeyValue
	// BacklogEvery is how often, at the most, the store is asked how much is owed to
	// the backends, which it counts. 0: one minute. Negative: never.
	BacklogEvery time.Duration
	// Keys adds to the spans of calls to backends whom they are about, as
	// "rollcall.keys". A Key is personal data: leave it out where the spans go to
	// somebody who need not know who uses the bot. Metrics never have Keys.
	Keys bool
}

// A Tracer makes metrics and spans of what a Middleware does. It is
// middleware.Options.Tracer of one Middleware, and told of it once more by Watch. Its
// methods may be called from many goroutines at once. Make one with [New].
type Tracer struct {
	tracer  trace.Tracer
	meter   metric.Meter
	metrics *measures
	common  []attribute.KeyValue
	every   time.Duration
	keys    bool
}

var _ middleware.Tracer = (*Tracer)(nil)

// New returns a Tracer. o may be nil. The error is that of the MeterProvider, which
// may refuse an instrument.
func New(o *Options) (*Tracer, error) {
	if o == nil {
		o = &Options{}
	}
	meters, tracers := o.MeterProvider, o.TracerProvider
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	t := &Tracer{
		tracer: tracers.Tracer(ScopeName),
		meter:  meters.Meter(ScopeName),
		common: slices.Clone(o.Attributes),
		every:  cmp.Or(o.BacklogEvery, defaultBacklogEvery),
		keys:   o.Keys,
	}
	var err error
	if t.metrics, err = newMeasures(t.meter); err != nil {
		return nil, fmt.Errorf("otelrollcall: new: %w", err)
	}
	return t, nil
}

// with returns more attributes behind those of Options.
func (t *Tracer) with(more ...attribute.KeyValue) []attribute.KeyValue {
	return slices.Concat(t.common, more)
}

// set is with as an option of a measurement.
func (t *Tracer) set(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(t.with(more...)...))
}
