package oteltest

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
)

// A documented metric is a line of the table in docs/telemetry.md.
type documented struct {
	kind, unit, ending string
	attributes         []string
}

// TestTheTableOfMetricsIsTrue holds docs/telemetry.md to what the SDK collects.
func TestTheTableOfMetricsIsTrue(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{})
	s.play(10, "Ann")
	want := tableOfMetrics(t)
	scraped := s.scrape().ours()
	for _, m := range s.collect() {
		kind, attributes := describe(m)
		line, found := want[m.Name]
		if !found {
			t.Errorf("docs/telemetry.md has no line for %s", m.Name)
			continue
		}
		delete(want, m.Name)
		if line.kind != kind || line.unit != m.Unit {
			t.Errorf("%s is a %s in %s, and documented as a %s in %s", m.Name, kind, m.Unit, line.kind, line.unit)
		}
		if got := slices.Sorted(maps.Keys(attributes)); !slices.Equal(got, line.attributes) {
			t.Errorf("%s has the attributes %q, and documented are %q", m.Name, got, line.attributes)
		}
		name := strings.ReplaceAll(m.Name, ".", "_") + line.ending
		if kind == "histogram" {
			name += "_bucket"
		}
		if scraped[name] == nil {
			t.Errorf("%s is not scraped as %s", m.Name, name)
		}
		if m.Description == "" {
			t.Errorf("%s has no description", m.Name)
		}
	}
	for name := range want {
		t.Errorf("docs/telemetry.md has a line for %s, which is not collected", name)
	}
}

// TestTheValuesOfAttributesAreListed holds docs/telemetry.md to the values that come.
func TestTheValuesOfAttributesAreListed(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{})
	s.play(10, "Ann")
	text := telemetry(t)
	for _, m := range s.collect() {
		_, attributes := describe(m)
		for key, values := range attributes {
			for value := range values {
				if key == "rollcall.reason" || key == "rollcall.backend.name" {
					continue
				}
				line := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(key) + "`[^|]*\\|.*`" + regexp.QuoteMeta(value) + "`")
				if !line.MatchString(text) {
					t.Errorf("docs/telemetry.md does not list %q for %s", value, key)
				}
			}
		}
	}
	for _, result := range []middleware.CallResult{
		middleware.CallDelivered, middleware.CallErased, middleware.CallRetried, middleware.CallThrottled,
		middleware.CallDenied, middleware.CallDead, middleware.CallCannotErase, middleware.CallAbandoned,
	} {
		if !strings.Contains(text, "`"+string(result)+"`") {
			t.Errorf("docs/telemetry.md does not list the result %q", result)
		}
	}
}

// TestTheStartPageNamesAllMetrics holds otelrollcall's package comment to the table.
func TestTheStartPageNamesAllMetrics(t *testing.T) {
	page, err := os.ReadFile("../../middleware/otelrollcall/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	table := tableOfMetrics(t)
	named := regexp.MustCompile(`(?m)^//\t(rollcall\.[a-z_.]+) `).FindAllStringSubmatch(string(page), -1)
	for _, n := range named {
		if _, found := table[n[1]]; !found {
			t.Errorf("the package comment names %s, which docs/telemetry.md does not", n[1])
		}
		delete(table, n[1])
	}
	for name := range table {
		t.Errorf("the package comment does not name %s", name)
	}
}

// collect returns rollcall's metrics as the SDK has them.
func (s *scene) collect() []metricdata.Metrics {
	s.t.Helper()
	var all metricdata.ResourceMetrics
	s.must(s.reader.Collect(s.t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		if scope.Scope.Name == otelrollcall.ScopeName {
			return scope.Metrics
		}
	}
	s.t.Fatal("nothing is collected")
	return nil
}

// describe returns what kind of metric m is, and the values of each attribute.
func describe(m metricdata.Metrics) (kind string, attributes map[string]map[string]bool) {
	attributes = make(map[string]map[string]bool)
	note := func(set attribute.Set) {
		for _, kv := range set.ToSlice() {
			if attributes[string(kv.Key)] == nil {
				attributes[string(kv.Key)] = make(map[string]bool)
			}
			attributes[string(kv.Key)][kv.Value.String()] = true
		}
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		kind = "up-down counter"
		if data.IsMonotonic {
			kind = "counter"
		}
		for _, p := range data.DataPoints {
			note(p.Attributes)
		}
	case metricdata.Gauge[int64]:
		kind = "gauge"
		for _, p := range data.DataPoints {
			note(p.Attributes)
		}
	case metricdata.Histogram[float64]:
		kind = "histogram"
		for _, p := range data.DataPoints {
			note(p.Attributes)
		}
	}
	return kind, attributes
}

func telemetry(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func tableOfMetrics(t *testing.T) map[string]documented {
	t.Helper()
	table := make(map[string]documented)
	for line := range strings.Lines(telemetry(t)) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`rollcall.") {
			continue
		}
		cell := func(i int) string { return strings.Trim(strings.TrimSpace(cells[i]), "`") }
		attributes := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[4], -1)
		var names []string
		for _, a := range attributes {
			names = append(names, a[1])
		}
		slices.Sort(names)
		table[cell(1)] = documented{kind: cell(2), unit: cell(3), attributes: names, ending: cell(5)}
	}
	if len(table) < 10 {
		t.Fatalf("found only %d metrics in the table of docs/telemetry.md", len(table))
	}
	return table
}
