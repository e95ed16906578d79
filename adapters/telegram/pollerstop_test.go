package telegram_test

import (
	"slices"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/middleware"
)

// A begunPoller tells when it begins.
type begunPoller struct {
	tele.Poller
	begun chan struct{}
}

func (p begunPoller) Poll(b *tele.Bot, dest chan tele.Update, stop chan struct{}) {
	p.begun <- struct{}{}
	p.Poller.Poll(b, dest, stop)
}

// What its channel has no room for when the bot stops is fetched, and a poller does not
// fetch it twice in one process.
func TestUpdatesThatDoNotFitAreHandledAfterTheNextStart(t *testing.T) {
	t.Parallel()
	p := begunPoller{latePoller{decode(t, say(ann, "x"))}, make(chan struct{}, 2)}
	r := newRig(t, func(s *tele.Settings, _ *middleware.Options) {
		s.Poller, s.Updates, s.Synchronous = p, 10, true
	})
	telegram.Attach(r.bot, r.mw, nil)
	r.bot.Handle(tele.OnText, nothing)
	done := make(chan struct{})
	go func() { r.bot.Start(); close(done) }()
	<-p.begun // telebot cannot start again after a Stop before that
	r.bot.Stop()
	<-done
	if n := len(r.bot.Updates); n != 10 {
		t.Fatalf("%d updates are in the bot's channel, want 10", n)
	}
	r.run().awaitHandled(50)
	for i, id := range r.handled {
		if id != i+1 {
			t.Fatalf("update %d was handled as number %d", id, i+1)
		}
	}
}

// A steadyPoller counts up, in bursts, from one start of the bot to the next.
type steadyPoller struct {
	update tele.Update
	id     *int
}

func (p steadyPoller) Poll(_ *tele.Bot, dest chan tele.Update, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		for range 1 + *p.id%37 {
			*p.id++
			u := p.update
			u.ID = *p.id
			dest <- u
		}
		if *p.id%5 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// Now and then the bot makes room at the very moment in which it is stopped.
func TestOrderOutlivesManyRestarts(t *testing.T) {
	t.Parallel()
	sent := 0
	p := begunPoller{steadyPoller{decode(t, say(ann, "x")), &sent}, make(chan struct{}, 1)}
	r := newRig(t, func(s *tele.Settings, _ *middleware.Options) {
		s.Poller, s.Updates, s.Synchronous = p, 3, true
	})
	telegram.Attach(r.bot, r.mw, nil)
	last := 0
	r.bot.Handle(tele.OnText, func(c tele.Context) error {
		if id := c.Update().ID; id != last+1 {
			t.Errorf("update %d is handled after %d", id, last)
		}
		last = c.Update().ID
		return nil
	})
	for i := range 300 {
		done := make(chan struct{})
		go func() { r.bot.Start(); close(done) }()
		<-p.begun
		time.Sleep(time.Duration(i%7) * 300 * time.Microsecond)
		r.bot.Stop()
		<-done
	}
}

// A pushPoller only says where updates are to be sent, as one does that is fed by a
// server of the user's.
type pushPoller struct {
	dest chan chan tele.Update
	stay bool
}

func (p pushPoller) Poll(_ *tele.Bot, dest chan tele.Update, stop chan struct{}) {
	p.dest <- dest
	if p.stay {
		<-stop
	}
}

func TestAPollerMayDeliverAfterItHasReturned(t *testing.T) {
	t.Parallel()
	p := pushPoller{dest: make(chan chan tele.Update, 1)}
	r := newRig(t, func(s *tele.Settings, _ *middleware.Options) { s.Poller, s.Synchronous = p, true })
	telegram.Attach(r.bot, r.mw, nil)
	r.bot.Handle(tele.OnText, nothing)
	r.run()
	dest := <-p.dest
	time.Sleep(10 * time.Millisecond) // for Poll to have returned, mostly
	for id := range 20 {
		u := decode(t, say(ann, "x"))
		u.ID = 1 + id
		dest <- u
	}
	r.awaitHandled(20)
	r.settle(20)
}

// The handler of a webhook outlives the bot that is stopped.
func TestAnUpdateThatComesAfterStopWaitsForTheNextStart(t *testing.T) {
	t.Parallel()
	p := pushPoller{dest: make(chan chan tele.Update, 2), stay: true}
	r := newRig(t, func(s *tele.Settings, _ *middleware.Options) { s.Poller = p })
	telegram.Attach(r.bot, r.mw, nil)
	r.bot.Handle(tele.OnText, nothing)
	done := make(chan struct{})
	go func() { r.bot.Start(); close(done) }()
	dest := <-p.dest
	r.bot.Stop()
	<-done
	u := decode(t, say(ann, "x"))
	u.ID = 7
	dest <- u
	r.run().awaitHandled(1)
	r.settle(1)
	if !slices.Equal(r.handled, []int{7}) {
		t.Errorf("handled %v", r.handled)
	}
}

// A lastPoller has a few more when it is told to stop, and returns before they are looked
// at.
type lastPoller struct {
	update tele.Update
	sent   chan struct{}
}

func (p lastPoller) Poll(_ *tele.Bot, dest chan tele.Update, stop chan struct{}) {
	<-stop
	for id := 1; id <= 8; id++ {
		u := p.update
		u.ID = id
		dest <- u
	}
	close(p.sent)
}

func TestAllThatWasFetchedIsObservedWhenStopReturns(t *testing.T) {
	t.Parallel()
	p := lastPoller{decode(t, say(ann, "x")), make(chan struct{})}
	r := newRig(t, func(s *tele.Settings, o *middleware.Options) {
		s.Poller = p
		o.Who = func(middleware.Sender) bool { <-p.sent; return true }
	})
	telegram.Attach(r.bot, r.mw, nil)
	done := make(chan struct{})
	go func() { r.bot.Start(); close(done) }()
	r.bot.Stop()
	<-done
	r.settle(8)
}
