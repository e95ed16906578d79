package oteltest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/prometheus/prometheus/model/histogram"
)

// A sample is one line of a scrape.
type sample struct {
	labels map[string]string // with __name__
	value  float64
}

type samples []sample

// parseText reads what an exporter serves, and adds the labels that Prometheus does.
func parseText(text string) (all samples, err error) {
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			put := func(suffix string, value float64, more ...string) {
				l := map[string]string{"__name__": name + suffix, "job": "bot", "instance": "bot:9464"}
				for _, pair := range m.GetLabel() {
					l[pair.GetName()] = pair.GetValue()
				}
				for i := 0; i < len(more); i += 2 {
					l[more[i]] = more[i+1]
				}
				all = append(all, sample{l, value})
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				put("", m.GetCounter().GetValue())
			case dto.MetricType_GAUGE:
				put("", m.GetGauge().GetValue())
			case dto.MetricType_HISTOGRAM:
				for _, b := range m.GetHistogram().GetBucket() {
					put("_bucket", float64(b.GetCumulativeCount()), "le", strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64))
				}
				put("_sum", m.GetHistogram().GetSampleSum())
				put("_count", float64(m.GetHistogram().GetSampleCount()))
			default:
				return nil, fmt.Errorf("%s is a %s", name, f.GetType())
			}
		}
	}
	return all, nil
}

// sum adds up the samples of a metric that have a label.
func (all samples) sum(name, label, value string) (sum float64) {
	for _, s := range all {
		if s.labels["__name__"] == name && (label == "" || s.labels[label] == value) {
			sum += s.value
		}
	}
	return sum
}

// ours are the names of rollcall's metrics, with the labels that they have.
func (all samples) ours() map[string]map[string]bool {
	names := make(map[string]map[string]bool)
	for _, s := range all {
		name := s.labels["__name__"]
		if !strings.HasPrefix(name, "rollcall_") {
			continue
		}
		if names[name] == nil {
			names[name] = make(map[string]bool)
		}
		for l := range s.labels {
			names[name][l] = true
		}
	}
	return names
}

// A history is what Prometheus has scraped.
type history struct{ series map[string]*recorded }

type recorded struct {
	labels promlabels.Labels
	points []chunks.Sample
}

const scrapeEvery = 15 * time.Second

// record makes a history in which each of scrapes holds for two minutes.
func record(scrapes ...samples) (h *history, end time.Time) {
	h = &history{series: make(map[string]*recorded)}
	at := time.UnixMilli(0)
	for _, all := range scrapes {
		for range 8 {
			at = at.Add(scrapeEvery)
			for _, s := range all {
				l := promlabels.FromMap(s.labels)
				r := h.series[l.String()]
				if r == nil {
					r = &recorded{labels: l}
					h.series[l.String()] = r
				}
				r.points = append(r.points, point{at.UnixMilli(), s.value})
			}
		}
	}
	return h, at
}

var engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000_000, Timeout: time.Minute})

// at evaluates an expression at one time.
func (h *history) at(t *testing.T, expr string, at time.Time) promql.Vector {
	t.Helper()
	q, err := engine.NewInstantQuery(t.Context(), h, nil, expr, at)
	if err != nil {
		t.Fatalf("%s\n%v", expr, err)
	}
	defer q.Close()
	v, err := q.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s\n%v", expr, err)
	}
	return slices.Clone(v)
}

// Querier is storage.Queryable's.
func (h *history) Querier(_, _ int64) (storage.Querier, error) { return h, nil }

// Select is storage.Querier's.
func (h *history) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*promlabels.Matcher) storage.SeriesSet {
	set := &seriesSet{}
	for _, key := range slices.Sorted(maps.Keys(h.series)) {
		r := h.series[key]
		if !slices.ContainsFunc(matchers, func(m *promlabels.Matcher) bool { return !m.Matches(r.labels.Get(m.Name)) }) {
			set.found = append(set.found, storage.NewListSeries(r.labels, r.points))
		}
	}
	return set
}

// LabelValues is storage.Querier's.
func (h *history) LabelValues(context.Context, string, *storage.LabelHints, ...*promlabels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames is storage.Querier's.
func (h *history) LabelNames(context.Context, *storage.LabelHints, ...*promlabels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close is storage.Querier's.
func (h *history) Close() error { return nil }

type seriesSet struct {
	found []storage.Series
	next  int
}

func (s *seriesSet) Next() bool                        { s.next++; return s.next <= len(s.found) }
func (s *seriesSet) At() storage.Series                { return s.found[s.next-1] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// A point is a sample of a series.
type point struct {
	at    int64
	value float64
}

func (p point) T() int64                      { return p.at }
func (p point) ST() int64                     { return 0 }
func (p point) F() float64                    { return p.value }
func (p point) H() *histogram.Histogram       { return nil }
func (p point) FH() *histogram.FloatHistogram { return nil }
func (p point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample           { return p }

// wantNamesToExist fails where an expression asks for a metric, or a label of it,
// that was not scraped.
func wantNamesToExist(t *testing.T, expr string, scraped samples) {
	t.Helper()
	parsed, err := parser.ParseExpr(expr)
	if err != nil {
		t.Errorf("%s\n%v", expr, err)
		return
	}
	names := scraped.ours()
	var within []map[string]bool // labels of all metrics in expr
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		v, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		labels, found := names[v.Name]
		if !found {
			t.Errorf("%s\nasks for %s, which is not scraped", expr, v.Name)
			return nil
		}
		within = append(within, labels)
		for _, m := range v.LabelMatchers {
			if !labels[m.Name] {
				t.Errorf("%s\nasks for the label %s, which %s has not", expr, m.Name, v.Name)
			}
		}
		return nil
	})
	if len(within) == 0 {
		t.Errorf("%s\nasks for no metric", expr)
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		a, ok := node.(*parser.AggregateExpr)
		if !ok {
			return nil
		}
		for _, by := range a.Grouping {
			if !slices.ContainsFunc(within, func(labels map[string]bool) bool { return labels[by] }) {
				t.Errorf("%s\ngroups by %s, which no metric in it has", expr, by)
			}
		}
		return nil
	})
}
