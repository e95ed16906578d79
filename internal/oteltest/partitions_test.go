package oteltest

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// Two Middlewares of one process, as where people are divided by key, are told apart
// by Options.Attributes, and stay what they were after Close.
func TestMiddlewaresAreToldApart(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	key := attribute.Key("partition")
	for people, name := range []string{"none", "one", "two"} {
		tel, err := otelrollcall.New(&otelrollcall.Options{
			MeterProvider: meters, TracerProvider: noop.NewTracerProvider(), Attributes: []attribute.KeyValue{key.String(name)},
		})
		if err != nil {
			t.Fatal(err)
		}
		mw, err := middleware.New(memstore.New(), &middleware.Options{Tracer: tel})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tel.Watch(mw); err != nil {
			t.Fatal(err)
		}
		for id := range people {
			s := middleware.Sender{Channel: "telegram", NumericID: uint64(1 + id), At: time.Now()}
			s.Set(store.FieldName, "Ann")
			mw.Observe(&s)
		}
		if err := mw.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	created, durable := make(map[string]int64), make(map[string]uint64)
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				if result, _ := p.Attributes.Value("rollcall.result"); m.Name == "rollcall.observations" && result.AsString() == "created" {
					partition, _ := p.Attributes.Value(key)
					created[partition.AsString()] = p.Value
				}
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				if partition, _ := p.Attributes.Value(key); m.Name == "rollcall.time_to_durable" {
					durable[partition.AsString()] = p.Count
				}
			}
		}
	}
	for people, name := range []string{"none", "one", "two"} {
		if got, found := created[name]; got != int64(people) || !found || durable[name] != uint64(people) {
			t.Errorf("partition %s: %d created (%t), %d durable; want %d", name, got, found, durable[name], people)
		}
	}
}
