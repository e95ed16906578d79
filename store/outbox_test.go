package store_test

import (
	"math"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A backend that is away since its first delivery: what is left at that pace is
// longer than a Duration can say.
func TestTimeLeftIsNeverLessThanNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		b    store.Backlog
		want time.Duration
	}{
		{store.Backlog{Total: 5_000_001, Owed: 5_000_000, Elapsed: time.Hour}, math.MaxInt64},
		{store.Backlog{Total: 4, Owed: 3, Elapsed: time.Hour}, 3 * time.Hour},
		{store.Backlog{Total: 4, Owed: 4, Elapsed: time.Hour}, 0},
		{store.Backlog{Total: 4, Elapsed: time.Hour}, 0},
	} {
		if got := c.b.TimeLeft(); got != c.want {
			t.Errorf("of %d there are %d left after %v: %v, want %v", c.b.Total, c.b.Owed, c.b.Elapsed, got, c.want)
		}
	}
}
