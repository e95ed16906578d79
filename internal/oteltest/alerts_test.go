package oteltest

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
	"github.com/rollcall-go/rollcall/store"
)

func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	_, rest, found := strings.Cut(telemetry(t), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/telemetry.md has no alerts")
	}
	groups, errs := rulefmt.Parse([]byte(text), false, model.LegacyValidation)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return groups.Groups[0].Rules
}

// firing says which alerts would fire at the end of a history, without their For.
func firing(t *testing.T, h *history, end time.Time) map[string]bool {
	t.Helper()
	fire := make(map[string]bool)
	for _, rule := range alerts(t) {
		if len(h.at(t, rule.Expr, end)) > 0 {
			fire[rule.Alert] = true
		}
	}
	return fire
}

// TestAlertsAreQuietAndFire evaluates each alert on what was scraped of a Middleware
// that is well, and of one that has every trouble there is.
func TestAlertsAreQuietAndFire(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{})
	s.observe(1, "Ann")
	s.drain()
	well := s.scrape()
	s.observe(2, "Bob")
	s.drain()
	h, end := record(well, s.scrape())
	if fire := firing(t, h, end); len(fire) > 0 {
		t.Errorf("while all is well these fire: %v", fire)
	}
	for _, rule := range alerts(t) {
		wantNamesToExist(t, rule.Expr, withErrors(well))
		if !strings.HasPrefix(rule.Alert, "Rollcall") || rule.Annotations["summary"] == "" {
			t.Errorf("alert %q has no summary", rule.Alert)
		}
	}

	// A bot without backends, which owes nothing.
	alone := slices.DeleteFunc(slices.Clone(well), func(x sample) bool {
		return strings.HasPrefix(x.labels["__name__"], "rollcall_backend")
	})
	h, end = record(alone, alone)
	if fire := firing(t, h, end); len(fire) > 0 {
		t.Errorf("without backends these fire: %v", fire)
	}

	// The backend will not take somebody, and then lets nobody in.
	s.answers("Carl", http.StatusUnprocessableEntity)
	s.observe(3, "Carl")
	s.drain()
	s.answers("Dora", http.StatusUnauthorized)
	s.observe(4, "Dora")
	s.until("the gate is denied", func() bool { return s.mw.Backends()[0].Gate == middleware.GateDenied })
	denied := s.scrape()

	// Another one does not work.
	other := newScene(t, &otelrollcall.Options{})
	other.answers("Eve", http.StatusInternalServerError)
	for id := range 10 {
		other.observe(100+id, "Eve")
	}
	other.until("the gate is tripped", func() bool { return other.mw.Backends()[0].Gate == middleware.GateTripped })
	tripped := other.scrape()

	// The store is away, too many come, hooks hang and an adapter panics.
	away := newScene(t, &otelrollcall.Options{})
	away.refuses(errAway)
	for id := range 2000 {
		away.observe(1000+id, "Fay")
	}
	away.until("the store refuses", func() bool {
		return away.scrape().sum("rollcall_commit_duration_seconds_count", "error_type", "unavailable") > 0
	})
	few := away.scrape()
	for id := range 100_000 {
		away.observe(10_000+id, "Fay")
	}
	away.mw.Observe(&middleware.Sender{Channel: "telegram", UserID: "1", Drop: middleware.ReasonPanic})
	var many samples
	refused := few.sum("rollcall_commit_duration_seconds_count", "error_type", "unavailable")
	away.until("the store refuses again", func() bool {
		many = away.scrape()
		return many.sum("rollcall_commit_duration_seconds_count", "error_type", "unavailable") > refused
	})

	late := make(samples, 0, len(many))
	for _, x := range denied { // as if each delivery had taken ten minutes more
		if bound, err := strconv.ParseFloat(x.labels["le"], 64); err == nil && bound <= 600 && strings.HasPrefix(x.labels["__name__"], "rollcall_time_to_delivered") {
			x.value = 0
		}
		late = append(late, x)
	}
	blind := make(samples, 0, len(many))
	for _, x := range many {
		if x.labels["__name__"] != "rollcall_backend_owed" {
			blind = append(blind, x)
		}
	}
	skipping := make(samples, 0, len(many))
	for _, x := range many {
		if x.labels["__name__"] == "rollcall_hooks_skipped_total" {
			x.value = 7
		}
		skipping = append(skipping, x)
	}
	all := make(map[string]bool)
	for _, trouble := range [][]samples{
		{well, denied}, {tripped, tripped}, {few, few, many}, {zeroed(late), late}, {blind}, {few, skipping},
	} {
		h, end := record(trouble...)
		maps.Copy(all, firing(t, h, end))
	}
	for _, rule := range alerts(t) {
		if !all[rule.Alert] {
			t.Errorf("%s fires in no trouble: %s", rule.Alert, rule.Expr)
		}
	}
}

// TestStoreRefusesIsNotAboutOnePerson has the store object to one person, and then to
// all.
func TestStoreRefusesIsNotAboutOnePerson(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{})
	s.refuses(errors.New("odd"))
	struck := func(n float64) func() bool {
		return func() bool {
			return s.scrape().sum("rollcall_commit_duration_seconds_count", "error_type", "_OTHER") >= n
		}
	}
	s.observe(1, "Ann")
	s.until("the store objects to one", struck(1))
	before := s.scrape()
	s.until("it does so again", struck(3))
	h, end := record(before, s.scrape())
	if fire := firing(t, h, end); len(fire) > 0 {
		t.Errorf("for one person these fire: %v", fire)
	}
	for id := range 10 {
		s.observe(10+id, "Bob")
	}
	s.until("it objects to all", struck(9))
	h, end = record(before, s.scrape())
	if fire := firing(t, h, end); !fire["RollcallStoreRefuses"] {
		t.Errorf("for all these fire: %v", fire)
	}
}

// TestExpiredAreCounted has somebody erased of whom there is no sign of life.
func TestExpiredAreCounted(t *testing.T) {
	s := newScene(t, &otelrollcall.Options{})
	ann := middleware.Sender{Channel: "telegram", UserID: "1", At: time.Now().AddDate(-1, 0, 0)}
	ann.Set(store.FieldName, "Ann")
	s.mw.Observe(&ann)
	s.observe(2, "Bob")
	s.flush()
	if _, err := s.mw.Expire(t.Context(), time.Now().AddDate(0, -6, 0)); err != nil {
		t.Fatal(err)
	}
	if n := s.scrape().sum("rollcall_people_expired_total", "", ""); n != 1 {
		t.Errorf("%v are counted as expired, want 1", n)
	}
}

// withErrors adds the label error_type, which is there once there was an error.
func withErrors(all samples) samples {
	for _, x := range all {
		if strings.HasPrefix(x.labels["__name__"], "rollcall_commit_duration") {
			l := maps.Clone(x.labels)
			l["error_type"] = "unavailable"
			all = append(all, sample{l, 0})
		}
	}
	return all
}

// zeroed is a scrape in which nothing has happened yet.
func zeroed(all samples) samples {
	zero := make(samples, len(all))
	for i, x := range all {
		zero[i] = sample{x.labels, 0}
	}
	return zero
}
