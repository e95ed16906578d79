package adaptertest

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
)

func botUnchanged(t *testing.T, a Adapter) *scene {
	bare, s := openBare(t, a), open(t, a, nil)
	for _, kind := range a.kinds() {
		want, got := bare.handled(kind), s.handled(kind)
		if err := bare.failure(); err != nil {
			s.failf("without rollcall: %w", err)
		}
		if kind == Message && want != 1 {
			s.failf("without rollcall the bot's own handler ran %d times for a message, so that nothing can be compared", want)
		}
		if got != want {
			s.failf("%s: with rollcall the bot's own handler ran %d times, without it %d times", kind, got, want)
		}
	}
	return s
}

func (s *scene) handled(kind Kind) int {
	before := s.bot.Handled()
	s.deliver(from(kind, ann, "Ann", "ann"))
	return s.bot.Handled() - before
}

func storeFails(t *testing.T, a Adapter) *scene {
	var failures atomic.Int32
	s := open(t, a, func(o *middleware.Options) {
		o.OnFailure = func(context.Context, middleware.Outcome, error) { failures.Add(1) }
	})
	s.store.fail()
	s.answered(from(Message, ann, "Ann", "ann"))
	s.await(1)
	s.store.heal()
	for _, o := range s.settle(1) {
		if o.Result != middleware.Failed {
			s.failf("the Outcome is %s while the store fails, want %s", describe(o), middleware.Failed)
		}
	}
	if n := failures.Load(); n != 1 {
		s.failf("OnFailure was called %d times for one event, not once", n)
	}
	s.answered(from(Message, bob, "Bob", "bob"))
	return s
}

func storeHangs(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.store.hang()
	ids := []uint64{ann, ann + 1, ann + 2}
	for _, id := range ids {
		s.answered(from(Message, id, "Ann", "ann"))
	}
	s.store.heal()
	for _, o := range s.settle(len(ids)) {
		if o.Result != middleware.Created {
			s.failf("after the store came back the Outcome is %s, want %s", describe(o), middleware.Created)
		}
	}
	s.only(ids...)
	return s
}

func storePanics(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.store.panics()
	s.answered(from(Message, ann, "Ann", "ann"))
	s.await(1)
	s.answered(from(Message, bob, "Bob", "bob"))
	s.await(2)
	s.store.heal()
	s.settle(2)
	s.answered(from(Message, bob+1, "Cy", "cy"))
	for _, o := range s.settle(1) {
		if o.Result != middleware.Created {
			s.failf("after the store came back the Outcome is %s, want %s", describe(o), middleware.Created)
		}
	}
	return s
}

func hookPanics(t *testing.T, a Adapter) *scene {
	s := open(t, a, func(o *middleware.Options) {
		o.OnSuccess = func(context.Context, middleware.Outcome) { panic("adaptertest: planted panic of a hook") }
	})
	for _, id := range []uint64{ann, bob} {
		s.answered(from(Message, id, "Ann", "ann"))
		s.settle(1)
	}
	s.only(ann, bob)
	return s
}

func afterClose(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.say(from(Message, ann, "Ann", "ann"), middleware.Created)
	if s.failure() != nil {
		return s
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.mw.Close(ctx); err != nil {
		s.failf("Close: %w", err)
	}
	before := s.store.written()
	s.answered(from(Message, ann, "Zoe", "zoe"))
	s.answered(from(Message, bob, "Bob", "bob"))
	if n := s.store.written() - before; n != 0 {
		s.failf("%d writes after Close", n)
	}
	s.only(ann)
	return s
}

func reply(t *testing.T, a Adapter) *scene {
	var replyErr error // written by the hook before settle returns
	s := open(t, a, func(o *middleware.Options) {
		o.OnSuccess = func(ctx context.Context, o middleware.Outcome) {
			replyErr = o.Reply(ctx, "noted "+o.Key.UserID)
		}
	})
	if s.bot.Sent == nil {
		s.skipped = "Bot.Sent is nil, so nobody can tell where a reply goes"
		return s
	}
	private := from(Message, ann, "Ann", "ann")
	s.say(private, middleware.Created)
	if replyErr != nil {
		s.failf("Outcome.Reply to a private message: %w", replyErr)
	}
	s.sentOnce(private, "noted "+s.key(ann).UserID)
	if !slices.Contains(a.kinds(), Addressed) {
		return s
	}
	group := from(Addressed, bob, "Bob", "bob")
	s.say(group, middleware.Created)
	if replyErr != nil {
		s.failf("Outcome.Reply to a message in a group: %w", replyErr)
	}
	s.sentOnce(group, "noted "+s.key(bob).UserID)
	if texts := s.bot.Sent(from(Message, bob, "Bob", "bob")); contains(texts, "noted") != 0 {
		s.failf("the reply to a message in a group went to the person's private chat: %q", texts)
	}
	return s
}

// sentOnce fails unless the chat of an event got the text, once. It waits for
// the text, since a client may be done before its server has read.
func (s *scene) sentOnce(in Input, text string) {
	if s.failure() != nil {
		return
	}
	texts := s.bot.Sent(in)
	for end := time.Now().Add(patience); contains(texts, text) == 0 && time.Now().Before(end); texts = s.bot.Sent(in) {
		time.Sleep(5 * time.Millisecond)
	}
	if n := contains(texts, text); n != 1 {
		s.failf("%s: the chat got %q %d times, not once; all it got: %q", in.Kind, text, n, texts)
	}
}

func contains(texts []string, text string) int {
	n := 0
	for _, s := range texts {
		if strings.Contains(s, text) {
			n++
		}
	}
	return n
}
