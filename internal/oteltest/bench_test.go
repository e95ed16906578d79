package oteltest

import (
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
)

// BenchmarkTracedCommit is what a Tracer adds to a transaction for 500 people, with
// the SDK and without one.
func BenchmarkTracedCommit(b *testing.B) {
	for name, o := range map[string]*otelrollcall.Options{
		"no SDK": nil,
		"SDK": {
			MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
			TracerProvider: sdktrace.NewTracerProvider(),
		},
	} {
		b.Run(name, func(b *testing.B) {
			tel, err := otelrollcall.New(o)
			if err != nil {
				b.Fatal(err)
			}
			c := middleware.Commit{Waited: make([]time.Duration, 500)}
			b.ReportAllocs()
			for b.Loop() {
				tel.TraceCommitEnd(tel.TraceCommitStart(b.Context(), c), c)
			}
		})
	}
}
