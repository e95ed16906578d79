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
		if got := c.Now(); !got.Equal(time.Now()) {
			t.Errorf("before the first event the time is %v, want this machine's", got)
		}
		yesterday := time.Now().Add(-24 * time.Hour)
		c.Note(yesterday)
		if got := c.Now(); !got.Equal(yesterday) {
			t.Errorf("with an event that comes late the time is %v, want the event's, %v", got, yesterday)
		}
		time.Sleep(time.Hour)
		if got := c.Now(); !got.Equal(yesterday.Add(time.Hour)) {
			t.Errorf("an hour later the time is %v, want an hour after the event's", got)
		}
		c.Note(time.Now())
		if got := c.Now(); !got.Equal(time.Now()) {
			t.Errorf("with an event of now the time is %v", got)
		}
	})
}
