package oteltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
	"github.com/rollcall-go/rollcall/store"
)

// TestCanaries looks for names, values, Keys and tokens in all that leaves the
// process: every metric as the SDK has it and as it is scraped, and every span with
// its name, status, events and attributes.
func TestCanaries(t *testing.T) {
	const name, email, id = "Canarina Kanari", "canary@example.org", 90909090
	canaries := []string{"anar", "909090", "telegram", token, secret, secret[6:], "users.db", "/hooks/", "127.0.0.1", "disk is full"}

	s := newScene(t, &otelrollcall.Options{})
	s.play(id, name)
	key := store.Key{Channel: "telegram", UserID: fmt.Sprint(id + 2)}
	s.must(s.mw.Set(t.Context(), key, store.Declared, store.Profile{Name: name, Email: email}))
	s.drain()
	s.must(s.mw.Forget(t.Context(), key))
	s.drain()

	scraped := s.text()
	collected, err := json.Marshal(s.collect())
	s.must(err)
	var spans strings.Builder
	for _, span := range tracetest.SpanStubsFromReadOnlySpans(s.ended("")) {
		fmt.Fprintf(&spans, "%+v\n", span)
	}
	for what, text := range map[string]string{"what is scraped": scraped, "the metrics": string(collected), "the spans": spans.String()} {
		if !strings.Contains(text, "crm") || len(text) < 5000 {
			t.Fatalf("%s were not looked at: %d bytes", what, len(text))
		}
		for _, canary := range canaries {
			if at := strings.Index(text, canary); at >= 0 {
				t.Errorf("%s tell %q: ...%s...", what, canary, text[max(0, at-80):min(len(text), at+80)])
			}
		}
	}

	// The HTTP client's own spans, which are not ours to clean, show that the canaries
	// went past: otelhttp tells the whole address.
	if all := fmt.Sprintf("%+v", tracetest.SpanStubsFromReadOnlySpans(s.spans.Ended())); !strings.Contains(all, token) {
		t.Error("the token was in no request; docs/telemetry.md says that otelhttp tells it")
	}
}
