package middleware_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// inChat is what an adapter makes whose Chat is a whole event.
func inChat(s *middleware.Sender, keep func(any) any, sent *[]string) *middleware.Sender {
	s.Chat, s.KeepChat = "event 7", keep
	s.Reply = func(_ context.Context, chat any, text string) error {
		*sent = append(*sent, chat.(string)+": "+text)
		return nil
	}
	return s
}

func TestReplyGetsWhatKeepChatReturned(t *testing.T) {
	for name, c := range map[string]struct {
		keep func(any) any
		want string
	}{
		"a part of it": {func(chat any) any { return chat.(string)[len("event "):] }, "7: hi"},
		"nil":          {nil, "event 7: hi"},
	} {
		t.Run(name, func(t *testing.T) {
			mw, j := start(t, memstore.New(), middleware.Options{})
			var sent []string
			for range 2 { // the second is Unchanged, which is told at once
				mw.Observe(inChat(ann(0, "Ann"), c.keep, &sent))
				flush(t, mw)
			}
			for _, o := range j.all() {
				if err := o.Reply(t.Context(), "hi"); err != nil {
					t.Error(err)
				}
			}
			wantEqual(t, sent, []string{c.want, c.want})
		})
	}
}

func TestKeepChatIsNotAskedWhereNobodyCouldReply(t *testing.T) {
	asked := 0
	keep := func(chat any) any { asked++; return chat }
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer mw.Close(t.Context())
	var sent []string
	mw.Observe(inChat(ann(0, "Ann"), keep, &sent))
	none := ann(1, "Anna")
	none.KeepChat, none.Reply = keep, func(context.Context, any, string) error { return nil } // and no Chat
	heard, j := start(t, memstore.New(), middleware.Options{})
	heard.Observe(none)
	flush(t, heard)
	if asked != 0 || len(j.all()) != 1 {
		t.Errorf("asked %d times, %d outcomes", asked, len(j.all()))
	}
}

// The person is saved all the same, with whom nothing is wrong, and whatever becomes of
// the observation.
func TestAPanicOfKeepChatIsContained(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	mw, j := start(t, memstore.New(), middleware.Options{Logger: zap.New(core)})
	var sent []string
	keep := func(any) any { panic("secret") }
	mw.Observe(inChat(ann(0, "Ann"), keep, &sent))
	flush(t, mw)
	mw.Observe(inChat(ann(0, "Ann"), keep, &sent))
	dropped := inChat(ann(1, "Ann"), keep, &sent)
	dropped.Drop = middleware.ReasonBot
	mw.Observe(dropped)
	flush(t, mw)
	wantEqual(t, j.results(), []string{"created", "unchanged", "dropped: bot"})
	for _, o := range j.all() {
		if err := o.Reply(t.Context(), "hi"); !errors.Is(err, middleware.ErrNoChat) {
			t.Errorf("%s: Reply: %v", o.Result, err)
		}
	}
	if n := logs.FilterMessage("KeepChat panicked").Len(); n != 3 || len(sent) != 0 {
		t.Errorf("logged %d times, sent %q", n, sent)
	}
}
