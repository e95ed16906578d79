package otelrollcall

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// measures are what is measured as it happens.
type measures struct {
	commits   metric.Float64Histogram
	durable   metric.Float64Histogram
	calls     metric.Float64Histogram
	results   metric.Int64Counter
	delivered metric.Float64Histogram
}

// Bounds of buckets, in seconds. A group commit takes milliseconds, a store that is
// away minutes; a call takes a minute at the most; what is owed may wait for days.
var (
	commitBounds    = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}
	callBounds      = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60}
	deliveredBounds = []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600, 168 * 3600}
)

func newMeasures(meter metric.Meter) (*measures, error) {
	var m measures
	var errs []error
	seconds := func(name, what string, bounds []float64) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(bounds...))
		errs = append(errs, err)
		return h
	}
	m.commits = seconds("rollcall.commit.duration", "How long the store took to save a batch of people, or to refuse it.", commitBounds)
	m.durable = seconds("rollcall.time_to_durable", "How long from the observation of a person's change until the store had committed it.", commitBounds)
	m.calls = seconds("rollcall.backend.call.duration", "How long a call to a backend took.", callBounds)
	m.delivered = seconds("rollcall.time_to_delivered", "How long from when a backend was owed a person until it had accepted them.", deliveredBounds)
	var err error
	m.results, err = meter.Int64Counter("rollcall.backend.deliveries", metric.WithUnit("{delivery}"),
		metric.WithDescription("What became of the people whom calls to backends were about."))
	return &m, errors.Join(append(errs, err)...)
}
