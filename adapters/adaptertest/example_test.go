package adaptertest_test

import (
	"sync/atomic"
	"testing"

	"github.com/rollcall-go/rollcall/adapters/adaptertest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// In a real test, Connect starts the platform's own client library against a
// server on loopback, and Deliver has that server send the event. Here a plain
// function stands in for both.
func ExampleRun() {
	TestAdapter := func(t *testing.T) {
		adaptertest.Run(t, adaptertest.Adapter{
			Channel: "pager",
			Connect: func(t *testing.T, mw *middleware.Middleware) adaptertest.Bot {
				var handled atomic.Int64
				receive := func(in adaptertest.Input) {
					if mw != nil {
						s := middleware.Sender{Channel: "pager", NumericID: in.UserID, Event: "page", At: in.At}
						s.Set(store.FieldName, in.Name)
						s.Set(store.FieldUsername, in.Username)
						mw.Observe(&s)
					}
					handled.Add(1)
				}
				return adaptertest.Bot{
					Deliver: func(_ *testing.T, in adaptertest.Input) bool { receive(in); return true },
					Handled: func() int { return int(handled.Load()) },
				}
			},
			Skip: map[string]string{
				"last-name-removed": "pagers have one name",
				"start":             "pagers have no commands",
				"first-payload":     "pagers have no commands",
				"addressed":         "pagers have no groups",
				"overheard":         "pagers have no groups",
				"sender-not-chat":   "pagers have no groups",
				"bot":               "no bot owns a pager",
				"nobody":            "every page has a sender",
			},
		})
	}
	_ = TestAdapter
}
