package oteltest

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
)

// A dashboard is what is looked at of docs/grafana.json.
type dashboard struct {
	SchemaVersion int    `json:"schemaVersion"`
	UID           string `json:"uid"`
	ID            *int   `json:"id"` // of a Grafana that it was exported from
	Templating    struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	Description string
	Datasource  *struct{ Type, UID string }
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct {
		RefID, Expr string
		Datasource  struct{ Type, UID string }
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// variables are what Grafana puts in, for a look at all jobs and backends.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$job", ".*", "$backend", ".*")

// TestPanelsShowSomething evaluates each expression of the dashboard on what was
// scraped of a Middleware at work.
func TestPanelsShowSomething(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{})
	s.play(10, "Ann")
	before := s.scrape()
	s.play(20, "Bob")
	after := s.scrape()
	h, end := record(before, after)
	shown := make(map[string]bool)
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			expr := variables.Replace(target.Expr)
			wantNamesToExist(t, expr, after)
			for _, name := range selected(t, expr) {
				shown[name] = true
			}
			if strings.Contains(expr, "$") {
				t.Errorf("panel %q has a variable that is none of the dashboard's: %s", p.Title, target.Expr)
			}
			found := false
			for at := end; at.UnixMilli() > 0 && !found; at = at.Add(-scrapeEvery) {
				for _, sample := range h.at(t, expr, at) {
					found = found || !math.IsNaN(sample.F)
				}
			}
			if !found {
				t.Errorf("panel %q shows nothing: %s", p.Title, target.Expr)
			}
		}
	}
	for name := range after.ours() {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if !shown[name] && !shown[base+"_bucket"] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

func selected(t *testing.T, expr string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s\n%v", expr, err)
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			names = append(names, v.Name)
		}
		return nil
	})
	return names
}

// TestDashboardCanBeImported looks for what Grafana, or a reader, would trip over.
func TestDashboardCanBeImported(t *testing.T) {
	d := readDashboard(t)
	if d.ID != nil || d.UID == "" || d.SchemaVersion < 39 {
		t.Errorf("the dashboard has id %v, uid %q, schema %d; want no id, a uid, and a schema of Grafana 11 or later", d.ID, d.UID, d.SchemaVersion)
	}
	names := make(map[string]string)
	for _, v := range d.Templating.List {
		names[v.Name] = v.Type
		if v.Type != "query" {
			continue
		}
		var query struct{ Query string }
		if err := json.Unmarshal(v.Query, &query); err != nil {
			t.Errorf("variable %s: %v", v.Name, err)
		}
		metric, _, found := strings.Cut(strings.TrimPrefix(query.Query, "label_values("), ",")
		if !found || !slices.ContainsFunc(d.Panels, func(p panel) bool {
			return len(p.Targets) > 0 && strings.Contains(p.Targets[0].Expr, metric)
		}) {
			t.Errorf("variable %s comes from %q", v.Name, query.Query)
		}
	}
	if names["datasource"] != "datasource" || names["job"] != "query" || names["backend"] != "query" {
		t.Errorf("the variables are %v", names)
	}
	taken := make(map[[2]int]string)
	ids := make(map[int]bool)
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q has the id %d of another", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies on %q, or outside of the grid", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 || p.Datasource == nil || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q has no description, no target, or another data source than the variable", p.Title)
		}
		for i, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || target.RefID != string(rune('A'+i)) {
				t.Errorf("panel %q, target %q, asks %q", p.Title, target.RefID, target.Datasource.UID)
			}
		}
	}
}
