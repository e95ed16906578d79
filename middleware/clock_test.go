package middleware_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
)

func TestClockGoesByThePlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c middleware.Clock
		tells := func(want time.Time, wantKnown bool) {
			t.Helper()
			if got, known := c.Now(); !got.Equal(want) || known != wantKnown {
				t.Errorf("Now() = %v, %v; want %v, %v", got, known, want, wantKnown)
			}
		}
		tells(time.Now(), false)
		yesterday := time.Now().Add(-24 * time.Hour)
		c.Note(yesterday)
		tells(yesterday, true)
		time.Sleep(time.Hour)
		tells(yesterday.Add(time.Hour), true)
		c.Note(time.Now())
		tells(time.Now(), true)
	})
}
