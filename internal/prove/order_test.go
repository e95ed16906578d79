package prove_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// A step is one thing that happens in a schedule. N chooses among what there is.
type step struct {
	What string
	N    int
}

// stepKinds are what can happen, each as often as it is here.
var stepKinds = []string{
	"say", "say", "say", "say", "say", "arrive", "arrive", "arrive", "arrive", "arrive twice", "flush", "wait",
	"crash", "restart", "store away", "store back", "backend away", "backend back", "pin", "unpin", "forget", "readmit",
}

var schedules = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{rapid.SampledFrom(stepKinds).Draw(t, "what"), rapid.IntRange(0, 1<<16).Draw(t, "n")}
}), 1, 60)

// People speak, what they say arrives late, twice and in any order, the store and the
// backends come and go, and processes are killed. In the end the store has what
// everybody said last, and so have all backends.
func TestNewestWins(t *testing.T) {
	t.Attr("promise", "order: the newest wins, in the store and at each backend")
	var played atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		schedule := schedules.Draw(rt, "schedule")
		var problem error
		synctest.Test(t, func(t *testing.T) { problem = newTown(t).play(schedule) })
		if problem != nil {
			rt.Fatal(problem)
		}
		played.Add(1)
	})
	t.Attr("figure", fmt.Sprint(played.Load(), " schedules"))
}
