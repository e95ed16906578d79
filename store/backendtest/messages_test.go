package backendtest

import (
	"slices"
	"strings"
	"testing"
)

// TestFailuresSayWhatTheServiceDid looks at the texts that an author reads.
func TestFailuresSayWhatTheServiceDid(t *testing.T) {
	for name, want := range map[string]string{
		"cannot erase twice":                    "Erase telegram:1001, of somebody who is not there: the error is not found; it must be nil",
		"says that it erased when it could not": "the service answered 429 without a body, at every request of an erasure: Erase reports success",
		"takes an outage for a success":         "the service answered 500, at every request of a delivery: Deliver reports success",
		"believes every 200":                    "the service answered 200 without a body, at every request of a delivery: Deliver reports success, and the service holds nobody",
		"takes a lost answer for a success":     "the service carried it out, and its answer was lost, at every request of a delivery: Deliver reports success",
		"forgets how long the pause is":         `the service answered 429 with Retry-After "7", at every request of a delivery: ThrottledError.After is 0s`,
		"takes silence for a refusal":           "the service did not answer, at every request of a delivery: the error is",
		"reads headers as long as they come":    "the service answered headers without end, at every request of a delivery: it",
		"follows redirects":                     "the service answered 301 to another host, at every request of a delivery: it is followed",
	} {
		i := slices.IndexFunc(mutants, func(mu mutation) bool { return mu.name == name })
		if i < 0 {
			t.Fatalf("there is no mutant that %s", name)
		}
		prop := properties[slices.Index(Properties(), mutants[i].caught)]
		if r := prop.check(testProbe(t, mutants[i].fixture())); !strings.Contains(r.problem, want) {
			t.Errorf("%s: %s\nwant %s", name, r.problem, want)
		}
	}
}
