package discord

import (
	"context"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// broken returns an adapter that panics at every message, as a bug of ours
// would have it: it lacks its options. The reasons are what it observed.
func broken(t *testing.T) (a *adapter, reasons func() []middleware.Reason) {
	t.Helper()
	var told []middleware.Reason
	mw, err := middleware.New(memstore.New(), &middleware.Options{
		OnOutcome: func(_ context.Context, o middleware.Outcome) { told = append(told, o.Reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &adapter{mw: mw}, func() []middleware.Reason {
		if err := mw.Close(t.Context()); err != nil {
			t.Error(err)
		}
		return told
	}
}

func onlyPanicked(t *testing.T, reasons []middleware.Reason) {
	t.Helper()
	if len(reasons) != 1 || reasons[0] != middleware.ReasonPanic {
		t.Errorf("observed %q, want one panic", reasons)
	}
}

func TestAPanicInHandlerIsContainedAndCounted(t *testing.T) {
	t.Parallel()
	a, reasons := broken(t)
	a.raw(nil, &discordgo.Event{Type: messageCreate, RawData: []byte(`{"author":{"id":"1"}}`)})
	onlyPanicked(t, reasons())
}

func TestAPanicWhileObservingInWrapIsContainedAndCounted(t *testing.T) {
	t.Parallel()
	a, reasons := broken(t)
	a.observe(nil, &discordgo.MessageCreate{Message: &discordgo.Message{Author: &discordgo.User{ID: "1"}}})
	onlyPanicked(t, reasons())
}
