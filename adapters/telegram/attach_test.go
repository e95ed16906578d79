package telegram_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
)

func nothing(tele.Context) error { return nil }

// telebot binds middleware when a handler is registered: Use after Handle does
// nothing, silently.
func TestHandlersRegisteredBeforeAttachAreSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.bot.Handle(tele.OnText, nothing)
	telegram.Attach(r.bot, r.mw, nil)
	r.run().push(say(ann, "hi"))
	wantResults(t, r.settle(1), "message:created")
}

// telebot runs middleware only where a handler matches.
func TestUpdatesWithoutAHandlerAreSeen(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(
		say(ann, "hi"),
		say(ann, "/cmd@other_bot"),
		say(ann, "\a/start"),
		telegramtest.EditedMessage(ann, telegramtest.Private(ann), "x").At(noon),
		telegramtest.Callback(ann, r.me(), telegramtest.Private(ann), "\fbutton|1"),
		telegramtest.InlineQuery(ann, "cats"),
		telegramtest.ChosenInlineResult(ann, "1", "cats"),
		telegramtest.PreCheckout(ann, nil),
		telegramtest.Blocked(ann, r.me()).At(noon),
		telegramtest.Reaction(ann, telegramtest.Private(ann), 1, "👍").At(noon),
		telegramtest.Service(ann, telegramtest.Private(ann), "story", map[string]any{"id": 1, "chat": telegramtest.Private(ann)}).At(noon),
	)
	var events []string
	for _, o := range r.settle(11) {
		if o.Result == middleware.Dropped || o.Result == middleware.Failed || o.Key != annAt {
			t.Errorf("%s of %s: %s %s", o.Event, o.Key, o.Result, o.Reason)
		}
		events = append(events, o.Event)
	}
	slices.Sort(events)
	want := []string{"callback_query", "chosen_inline_result", "edited_message", "inline_query", "message", "message", "message", "message", "message_reaction", "my_chat_member", "pre_checkout_query"}
	if !slices.Equal(events, want) {
		t.Errorf("events %v, want %v", events, want)
	}
}

func TestUpdateSeenByPollerAndMiddlewareIsObservedOnce(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Handle(tele.OnText, nothing)
	r.run().push(say(ann, "1"), say(ann, "2"), say(bob, "3"))
	r.awaitHandled(3)
	r.settle(3)
}

func TestTriggerRunsTheMiddlewareAgain(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Handle("/again", nothing)
	r.bot.Handle(tele.OnText, func(c tele.Context) error { return r.bot.Trigger("/again", c) })
	r.run().push(say(ann, "hi"))
	r.awaitHandled(2)
	r.settle(1)
}

// telebot runs the middleware once for each of the people who joined, with who
// added them as sender.
func TestJoinOfManyIsObservedOnce(t *testing.T) {
	t.Parallel()
	r := attached(t, &telegram.Options{Scope: telegram.Everyone})
	r.bot.Handle(tele.OnUserJoined, nothing)
	carl := telegramtest.User{ID: 44, FirstName: "Carl"}
	dora := telegramtest.User{ID: 45, FirstName: "Dora"}
	joined := telegramtest.Joined(ann, cats, bob, carl, dora).With("new_chat_member", nil).At(noon)
	r.run().push(joined)
	r.awaitHandled(3)
	if o := r.settle(1)[0]; o.Key != annAt {
		t.Errorf("observed %s", o.Key)
	}
}

// Bots that feed ProcessUpdate themselves, such as serverless ones, have no
// poller running.
func TestProcessUpdateIsSeenByTheMiddleware(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Handle(tele.OnText, nothing)
	r.bot.ProcessUpdate(decode(t, say(ann, "hi").WithID(1)))
	r.settle(1)
}

func TestUnknownUpdateIDIsNeverADuplicate(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Handle(tele.OnText, nothing)
	r.bot.ProcessUpdate(decode(t, say(ann, "hi")))
	r.bot.ProcessUpdate(decode(t, say(bob, "hi")))
	r.settle(2)
}

func TestMiddlewareOfOneGroup(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	group := r.bot.Group()
	group.Use(telegram.Middleware(r.mw, nil))
	group.Handle("/in", nothing)
	r.bot.Handle("/out", nothing)
	r.run().push(say(ann, "/out"), say(bob, "/in"))
	r.awaitHandled(2)
	if o := r.settle(1)[0]; o.Key.UserID != "43" {
		t.Errorf("observed %s", o.Key)
	}
}

func TestAttachTwiceObservesOnce(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	telegram.Attach(r.bot, r.mw, &telegram.Options{Scope: telegram.Everyone})
	r.bot.Handle(tele.OnText, nothing)
	r.run().push(say(ann, "1"), telegramtest.Message(bob, cats, "2"))
	r.awaitHandled(2)
	wantResults(t, r.settle(2), "message:dropped(not addressed to the bot)", "message:created")
}

func TestTwoMiddlewaresObserveApart(t *testing.T) {
	t.Parallel()
	r, other := attached(t, nil), newRig(t, nil)
	telegram.Attach(r.bot, other.mw, &telegram.Options{Scope: telegram.Everyone})
	telegram.Attach(r.bot, r.mw, nil) // behind the other one by now
	r.run().push(telegramtest.Message(bob, cats, "hi"))
	wantResults(t, r.settle(1), "message:dropped(not addressed to the bot)")
	wantResults(t, other.settle(1), "message:created")
}

func TestAttachCallsNoAPI(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	if calls := r.srv.Calls(); len(calls) != 1 || calls[0].Method != "getMe" {
		t.Errorf("calls %v, want NewBot's getMe alone", calls)
	}
}

// The kinds that a bot asks for are its author's choice: message_reaction_count
// among them stops telebot v3.3.8 for good.
func TestAllowedUpdatesAreUntouched(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string][]string{"unset": nil, "set": {"message", "my_chat_member"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			polling := &tele.LongPoller{Timeout: 10 * time.Second, AllowedUpdates: slices.Clone(allowed)}
			before := *polling
			r := newRig(t, func(s *tele.Settings, _ *middleware.Options) { s.Poller = polling })
			telegram.Attach(r.bot, r.mw, &telegram.Options{Scope: telegram.Everyone})
			if !reflect.DeepEqual(*polling, before) {
				t.Errorf("the poller was changed to %+v", *polling)
			}
			r.run().push(say(ann, "hi"))
			r.settle(1)
			if got := r.srv.AllowedUpdates(); !slices.Equal(got, allowed) {
				t.Errorf("asked for %v, want %v", got, allowed)
			}
		})
	}
}

// telebot replaces the handler of an endpoint silently when it is registered
// again.
func TestNoHandlerIsAddedOrReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	own := 0
	r.bot.Handle(tele.OnText, func(tele.Context) error { own++; return nil })
	telegram.Attach(r.bot, r.mw, nil)
	c := r.bot.NewContext(decode(t, say(ann, "hi")))
	if err := r.bot.Trigger(tele.OnText, c); err != nil || own != 1 {
		t.Errorf("the bot's own handler ran %d times: %v", own, err)
	}
	for _, endpoint := range []string{tele.OnCallback, tele.OnMyChatMember, tele.OnContact, tele.OnQuery, "/start"} {
		if err := r.bot.Trigger(endpoint, c); err == nil {
			t.Errorf("%q has a handler", endpoint)
		}
	}
}

func TestPollerReplacedAfterAttachLeavesWhatIsHandled(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Poller = &tele.LongPoller{Timeout: 10 * time.Second}
	profiles := make(chan error, 1)
	r.bot.Handle(tele.OnText, func(c tele.Context) error {
		_, err := telegram.Profile(c)
		profiles <- err
		return nil
	})
	r.run().push(telegramtest.InlineQuery(bob, "has no handler"), say(ann, "hi"))
	wantResults(t, r.settle(1), "message:created")
	if err := <-profiles; !errors.Is(err, telegram.ErrNotAttached) {
		t.Errorf("Profile: %v", err)
	}
	r.bot.ProcessUpdate(decode(t, say(bob, "hi").WithID(100)))
	r.settle(2)
	<-profiles
}

// telebot calls the outer of the two funcs again for every update, so what is
// known of earlier updates must not live between them.
func TestMiddlewareIsMadeAnewForEveryUpdate(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	m, made := telegram.Middleware(r.mw, nil), 0
	r.bot.Use(func(next tele.HandlerFunc) tele.HandlerFunc { made++; return m(next) })
	r.bot.Handle(tele.OnText, nothing)
	r.bot.Handle(tele.OnCallback, nothing)
	renamed := ann
	renamed.FirstName = "Anna"
	for i, u := range []telegramtest.Update{
		say(ann, "1").WithID(1),
		say(ann, "1").WithID(1), // again
		telegramtest.Callback(renamed, r.me(), telegramtest.Private(ann), "x").WithID(2), // goes by the time of the first
		say(ann, "1").WithID(1),
	} {
		r.bot.ProcessUpdate(decode(t, u))
		r.awaitHandled(i + 1)
	}
	if made != 4 {
		t.Fatalf("telebot made the handler %d times for 4 updates: is it made once by now?", made)
	}
	r.settle(2)
	if p := r.profile(annAt); p.GivenName != "Anna" || p.LastSeen.After(noon.Add(time.Hour)) {
		t.Errorf("kept %q, last seen %v", p.GivenName, p.LastSeen)
	}
}

func TestNilPollerStaysNil(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.bot.Poller = nil
	telegram.Attach(r.bot, r.mw, nil)
	if r.bot.Poller != nil {
		t.Errorf("poller %T", r.bot.Poller)
	}
	r.bot.Handle(tele.OnText, nothing)
	r.bot.ProcessUpdate(decode(t, say(ann, "hi").WithID(1)))
	r.settle(1)
}

func TestNilMiddlewareAttachesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	before := r.bot.Poller
	telegram.Attach(r.bot, nil, nil)
	r.bot.Use(telegram.Middleware(nil, nil))
	if r.bot.Poller != before {
		t.Errorf("poller %T", r.bot.Poller)
	}
	r.bot.Handle(tele.OnText, nothing)
	r.run().push(say(ann, "hi"))
	r.awaitHandled(1)
}

func TestHandlersErrorIsReturnedUnchanged(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	planted := errors.New("planted")
	calls := 0
	h := telegram.Middleware(r.mw, nil)(func(tele.Context) error { calls++; return planted })
	if err := h(r.bot.NewContext(decode(t, say(ann, "hi")))); err != planted || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

func TestHandlersPanicStaysTheHandlers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	h := telegram.Middleware(r.mw, nil)(func(tele.Context) error { panic(42) })
	defer func() {
		if v := recover(); v != 42 {
			t.Errorf("recovered %v", v)
		}
		wantResults(t, r.settle(1), "message:created")
	}()
	h(r.bot.NewContext(decode(t, say(ann, "hi"))))
}

type brokenContext struct{ tele.Context }

func (brokenContext) Update() tele.Update { panic("broken") }

func TestOwnPanicIsContained(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	calls := 0
	h := telegram.Middleware(r.mw, nil)(func(tele.Context) error { calls++; return nil })
	if err := h(brokenContext{r.bot.NewContext(tele.Update{})}); err != nil || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
	wantResults(t, r.settle(1), "update:dropped(panic while observing)")
}

func TestWhoCanLetUnaddressedPeopleIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *tele.Settings, o *middleware.Options) {
		o.Who = func(s middleware.Sender) bool {
			m, ok := s.Native.(*tele.Message)
			return s.Drop == "" || s.Drop == middleware.ReasonUnaddressed && ok && m.Text == "vote: yes"
		}
	})
	telegram.Attach(r.bot, r.mw, nil)
	r.run().push(telegramtest.Message(bob, cats, "hi"), telegramtest.Message(bob, cats, "vote: yes"))
	wantResults(t, r.settle(2), "message:dropped(not addressed to the bot)", "message:created")
}
