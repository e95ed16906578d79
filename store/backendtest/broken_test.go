package backendtest

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

const brokenEnv = "ROLLCALL_BACKENDTEST_BROKEN"

// broken are fixtures that nothing can be tried with, and what Run says of them.
var broken = map[string]struct {
	breaks func(f *Fixture)
	want   string
}{
	"no double":       {func(f *Fixture) { f.Double = nil }, "Fixture.Double is nil"},
	"no backend func": {func(f *Fixture) { f.Backend = nil }, "Fixture.Backend is nil"},
	"no holds":        {func(f *Fixture) { f.Holds = nil }, "Fixture.Holds is nil"},
	"no backend": {func(f *Fixture) {
		f.Backend = func(string) (store.Backend, error) { return nil, nil }
	}, "Fixture.Backend returns neither a backend nor an error"},
	"nil within the interface": {func(f *Fixture) {
		f.Backend = func(string) (store.Backend, error) { return (*backend)(nil), nil }
	}, "Fixture.Backend returns neither a backend nor an error"},
	"an error": {func(f *Fixture) {
		f.Backend = func(string) (store.Backend, error) { return nil, errors.New("no token") }
	}, "Fixture.Backend: no token"},
	"a wrong token": {func(f *Fixture) {
		double := f.Double
		f.Double = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Token", "another one")
			double.ServeHTTP(w, r)
		})
	}, "is what Fixture.Backend is given what Fixture.Double lets in?"},
	"a backend that is wrong": {func(f *Fixture) {
		f.Double = http.NotFoundHandler()
	}, "the first delivery of somebody: crm: deliver telegram:1001: "},
}

// TestRunOfABrokenFixture is run by the next test, in a process of its own.
func TestRunOfABrokenFixture(t *testing.T) {
	b, ok := broken[os.Getenv(brokenEnv)]
	if !ok {
		t.Skip("for TestRunStopsWhereNothingCanBeTried alone")
	}
	f := newFixture()
	b.breaks(&f)
	Run(t, func(*testing.T) Fixture { return f })
}

func runBroken(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunOfABrokenFixture$", "-test.v")
	cmd.Env = slices.Concat(os.Environ(), []string{brokenEnv + "=" + name})
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("%s: the test passes", name)
	}
	return string(out)
}

func TestRunStopsWhereNothingCanBeTried(t *testing.T) {
	for name, b := range broken {
		out := runBroken(t, name)
		if n := strings.Count(out, "--- FAIL"); n != 2 || !strings.Contains(out, b.want) {
			t.Errorf("%s: %d failures, and %q is not all of\n%s", name, n, b.want, out)
		}
		if strings.Contains(out, "panic") || strings.Contains(out, "Seed(") || strings.Contains(out, "bad-address") {
			t.Errorf("%s: it says\n%s", name, out)
		}
	}
}

// TestWhatRunSaysOfChanceAndOfCount looks at the notes beside a result.
func TestWhatRunSaysOfChanceAndOfCount(t *testing.T) {
	for name, want := range map[string]struct{ random, uncounted bool }{
		"usable": {}, "bad-address": {}, "creates": {uncounted: true}, "partial": {}, "stays-true": {true, true}, "false-success": {true, true},
	} {
		f := newFixture()
		f.Count = nil
		p := testProbe(t, f)
		i := slices.Index(Properties(), name)
		if r := properties[i].check(p); r.problem != "" || p.random != want.random || p.uncounted != want.uncounted {
			t.Errorf("%s: random %t, uncounted %t, %s", name, p.random, p.uncounted, r.problem)
		}
	}
}
