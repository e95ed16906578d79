package otelrollcall

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rollcall-go/rollcall/middleware"
)

// began is the key of a context that has the time when its question began.
type began struct{}

func (t *Tracer) start(ctx context.Context, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) context.Context {
	now := time.Now()
	ctx, _ = t.tracer.Start(ctx, name, trace.WithTimestamp(now), trace.WithSpanKind(kind), trace.WithAttributes(t.with(attributes...)...))
	return context.WithValue(ctx, began{}, now)
}

// end ends the span of ctx and returns how long it was, in seconds. kind is the
// error.type, "" for none.
func end(ctx context.Context, kind string) float64 {
	span := trace.SpanFromContext(ctx)
	if kind != "" {
		span.SetStatus(codes.Error, "") // a text could name a person
		span.SetAttributes(keyErrorType.String(kind))
	}
	span.End()
	at, _ := ctx.Value(began{}).(time.Time)
	return time.Since(at).Seconds()
}

// TraceCommitStart is middleware.Tracer's.
func (t *Tracer) TraceCommitStart(ctx context.Context, c middleware.Commit) context.Context {
	return t.start(ctx, "commit people", trace.SpanKindInternal,
		keyPeople.Int(len(c.Waited)), keyWaited.Float64(slices.Max(c.Waited).Seconds()))
}

// TraceCommitEnd is middleware.Tracer's.
func (t *Tracer) TraceCommitEnd(ctx context.Context, c middleware.Commit) {
	if c.Err != nil {
		kind := errorType(c.Err)
		t.metrics.commits.Record(ctx, end(ctx, kind), t.set(keyErrorType.String(kind)))
		return
	}
	all := []metric.RecordOption{t.set()}
	t.metrics.commits.Record(ctx, end(ctx, ""), all...)
	for _, waited := range c.Waited {
		t.metrics.durable.Record(ctx, waited.Seconds(), all...)
	}
}

// TraceCallStart is middleware.Tracer's.
func (t *Tracer) TraceCallStart(ctx context.Context, c middleware.Call) context.Context {
	attributes := []attribute.KeyValue{
		keyBackend.String(c.Backend), keyOperation.String(operation(c.Erase)), keyPeople.Int(len(c.People)),
	}
	if len(c.People) == 1 {
		attributes = append(attributes, keyAttempt.Int(c.People[0].Attempt), keyOwed.Float64(c.People[0].Owed.Seconds()))
	}
	if t.keys {
		keys := make([]string, len(c.People))
		for i, p := range c.People {
			keys[i] = p.Key.String()
		}
		attributes = append(attributes, keyKeys.StringSlice(keys))
	}
	return t.start(ctx, operation(c.Erase)+" "+c.Backend, trace.SpanKindClient, attributes...)
}

// TraceCallEnd is middleware.Tracer's.
func (t *Tracer) TraceCallEnd(ctx context.Context, c middleware.Call) {
	failed, kind := 0, ""
	for _, p := range c.People {
		if p.Err == nil {
			continue
		}
		if failed++; failed == 1 {
			kind = errorType(p.Err)
		}
	}
	span := trace.SpanFromContext(ctx)
	if len(c.People) == 1 {
		span.SetAttributes(keyResult.String(string(c.People[0].Result)))
	} else if failed > 0 {
		span.SetAttributes(keyFailed.Int(failed))
	}
	backend := []attribute.KeyValue{keyBackend.String(c.Backend), keyOperation.String(operation(c.Erase))}
	took := backend
	if kind != "" {
		took = append(slices.Clone(backend), keyErrorType.String(kind))
	}
	t.metrics.calls.Record(ctx, end(ctx, kind), t.set(took...))

	results := make(map[middleware.CallResult]int64)
	for _, p := range c.People {
		results[p.Result]++
		if p.Result == middleware.CallDelivered {
			t.metrics.delivered.Record(ctx, p.Owed.Seconds(), t.set(keyBackend.String(c.Backend), lane(p.Bulk)))
		}
	}
	for result, people := range results {
		t.metrics.results.Add(ctx, people, t.set(append(slices.Clone(backend), keyResult.String(string(result)))...))
	}
}
