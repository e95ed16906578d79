package middleware_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// checkInBubbles plays each case that draw makes in a bubble of its own. What play
// returns is told to rapid, which then looks for a shorter case.
func checkInBubbles(t *testing.T, draw func(rt *rapid.T) (play func(t *testing.T) error)) {
	played := 0
	rapid.Check(t, func(rt *rapid.T) {
		play := draw(rt)
		var err error
		synctest.Test(t, func(t *testing.T) { err = play(t) })
		if err != nil {
			rt.Fatal(err)
		}
		played++
	})
	t.Attr("figure", fmt.Sprint(played, " schedules"))
}
