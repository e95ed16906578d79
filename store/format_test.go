package store

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // so that the test does not depend on the machine either
)

func TestEveryZoneOfTheListCanBeLoaded(t *testing.T) {
	t.Parallel()
	names := strings.Split(strings.TrimSuffix(zones, "\n"), "\n")
	if len(names) < 590 || !slices.IsSorted(names) {
		t.Errorf("%d names, sorted: %v", len(names), slices.IsSorted(names))
	}
	for _, name := range names {
		if _, err := time.LoadLocation(name); err != nil {
			t.Error(err)
		}
		if p := zoneProblem(name); p != "" {
			t.Errorf("%s %s", name, p)
		}
	}
}
