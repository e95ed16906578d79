package oteltest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
)

// ended are the spans of rollcall that begin with a word, in order.
func (s *scene) ended(prefix string) []sdktrace.ReadOnlySpan {
	return slices.DeleteFunc(s.spans.Ended(), func(span sdktrace.ReadOnlySpan) bool {
		return span.InstrumentationScope().Name != otelrollcall.ScopeName || !strings.HasPrefix(span.Name(), prefix)
	})
}

// children are the names of the spans below one.
func (s *scene) children(of sdktrace.ReadOnlySpan) (names []string) {
	for _, span := range s.spans.Ended() {
		if span.Parent().SpanID() == of.SpanContext().SpanID() {
			names = append(names, span.Name())
		}
	}
	return names
}

func value(span sdktrace.ReadOnlySpan, key attribute.Key) attribute.Value {
	for _, kv := range span.Attributes() {
		if kv.Key == key {
			return kv.Value
		}
	}
	return attribute.Value{}
}

func keysOf(span sdktrace.ReadOnlySpan) (keys []string) {
	for _, kv := range span.Attributes() {
		keys = append(keys, string(kv.Key))
	}
	slices.Sort(keys)
	return keys
}

// TestSpansNest looks for the spans of the database's and the HTTP client below
// rollcall's, which are roots.
func TestSpansNest(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{Attributes: []attribute.KeyValue{attribute.String("partition", "7")}})
	s.play(10, "Ann")
	commits, delivers, erases := s.ended("commit people"), s.ended("deliver crm"), s.ended("erase crm")
	if len(commits) < 4 || len(delivers) < 4 || len(erases) != 1 {
		t.Fatalf("%d commits, %d deliveries, %d erasures", len(commits), len(delivers), len(erases))
	}
	for _, c := range []struct {
		spans []sdktrace.ReadOnlySpan
		kind  trace.SpanKind
		child string
		keys  []string
	}{
		{commits, trace.SpanKindInternal, "INSERT", []string{"partition", "rollcall.people", "rollcall.waited"}},
		{delivers, trace.SpanKindClient, "HTTP POST", []string{
			"partition", "rollcall.attempt", "rollcall.backend.name", "rollcall.operation", "rollcall.owed", "rollcall.people", "rollcall.result",
		}},
		{erases, trace.SpanKindClient, "HTTP POST", []string{
			"partition", "rollcall.attempt", "rollcall.backend.name", "rollcall.operation", "rollcall.owed", "rollcall.people", "rollcall.result",
		}},
	} {
		for _, span := range c.spans {
			if span.Parent().IsValid() || span.SpanKind() != c.kind {
				t.Errorf("%s is a %s with the parent %s", span.Name(), span.SpanKind(), span.Parent().SpanID())
			}
			if got := s.children(span); !slices.Equal(got, []string{c.child}) {
				t.Errorf("below %s are %q, want %s", span.Name(), got, c.child)
			}
			want := c.keys
			if span.Status().Code == codes.Error {
				want = slices.Sorted(slices.Values(append([]string{"error.type"}, c.keys...)))
			}
			if got := keysOf(span); !slices.Equal(got, want) {
				t.Errorf("%s has the attributes %q, want %q", span.Name(), got, want)
			}
			if len(span.Events()) > 0 || span.Status().Description != "" {
				t.Errorf("%s tells %v, %q", span.Name(), span.Events(), span.Status().Description)
			}
		}
	}
	wrong := make(map[string]string)
	for _, span := range slices.Concat(commits, delivers, erases) {
		kind := value(span, "error.type").AsString()
		if (kind != "") != (span.Status().Code == codes.Error) {
			t.Errorf("%s has the status %s and the error %q", span.Name(), span.Status().Code, kind)
		}
		wrong[value(span, "rollcall.result").AsString()] = kind
	}
	for result, kind := range map[string]string{
		"delivered": "", "erased": "", "retried": "unavailable", "throttled": "throttled", "dead letter": "invalid",
	} {
		if got, found := wrong[result]; !found || got != kind {
			t.Errorf("a call that ended as %s has the error %q (%t), want %q", result, got, found, kind)
		}
	}
	if commits[0].Status().Code != codes.Error || value(commits[0], "error.type").AsString() != "unavailable" {
		t.Errorf("a commit that was refused has the attributes %v", commits[0].Attributes())
	}
}

// TestKeysAreInSpansWhenAskedFor and nowhere else.
func TestKeysAreInSpansWhenAskedFor(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{Keys: true})
	s.answers("Bob", http.StatusUnprocessableEntity)
	s.observe(4711, "Ann")
	s.observe(4712, "Bob")
	s.drain()
	delivers := s.ended("deliver crm")
	if len(delivers) != 2 {
		t.Fatalf("%d deliveries", len(delivers))
	}
	for _, span := range delivers {
		if keys := value(span, "rollcall.keys").AsStringSlice(); len(keys) != 1 || !strings.HasPrefix(keys[0], "telegram:471") {
			t.Errorf("%s has the keys %q", span.Name(), keys)
		}
	}
	if text := s.text(); strings.Contains(text, "471") && strings.Contains(text, "telegram") {
		t.Error("a metric has a Key")
	}
}

// TestStatsAndMetricsAgree holds what is scraped to what the Middleware counts.
func TestStatsAndMetricsAgree(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{})
	s.play(10, "Ann")
	stats, scraped := s.mw.Stats(), s.scrape()
	for result, want := range map[string]uint64{
		"created": stats.Created, "updated": stats.Updated, "unchanged": stats.Unchanged,
		"coalesced": stats.Coalesced, "dropped": stats.Dropped, "failed": stats.Failed,
	} {
		if got := scraped.sum("rollcall_observations_total", "rollcall_result", result); got != float64(want) {
			t.Errorf("%s: %v are scraped, and Stats() tells %d", result, got, want)
		}
	}
	if stats.Created != 2 || stats.Updated != 1 || stats.Unchanged != 1 || stats.Dropped != 1 {
		t.Errorf("Stats() = %+v", stats)
	}
	if got := scraped.sum("rollcall_observations_total", "rollcall_reason", "bot"); got != 1 {
		t.Errorf("%v bots were dropped, want 1", got)
	}
	if got := scraped.sum("rollcall_time_to_durable_seconds_count", "", ""); got != 3 {
		t.Errorf("%v changes became durable, want 3", got)
	}
	if got, want := s.result("delivered"), float64(stats.Delivered); got != want {
		t.Errorf("%v deliveries are scraped, and Stats() tells %v", got, want)
	}
	if got := scraped.sum("rollcall_time_to_delivered_seconds_count", "", ""); got != float64(stats.Delivered) {
		t.Errorf("the time of %v deliveries is scraped, of %d", got, stats.Delivered)
	}
	if got := scraped.sum("rollcall_backend_dead_letters", "", ""); got != 1 {
		t.Errorf("%v dead letters, want 1", got)
	}
	if got := scraped.sum("rollcall_backend_gate", "rollcall_gate", "open"); got != 1 {
		t.Errorf("the gate is open in %v processes, want 1", got)
	}
	s.refuses(errAway)
	s.observe(99, "Zoe")
	if got := s.scrape().sum("rollcall_people_waiting", "", ""); got != 1 {
		t.Errorf("%v wait, want 1", got)
	}
	s.refuses(nil)
}
