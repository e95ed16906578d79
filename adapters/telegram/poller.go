package telegram

import tele "gopkg.in/telebot.v3"

// A poller observes what another poller delivers.
type poller struct {
	next     tele.Poller
	observer *observer
}

// ahead is how many updates may wait between two pollers. It spares a switch of
// goroutines for each. What waits there has been fetched, like what waits in the
// bot's own channel of a hundred, so it is few.
const ahead = 8

// Poll implements tele.Poller. The poller behind gets the bot's own stop channel,
// since pollers of telebot both receive from it and close it. An update is
// observed before it is handed on: from then on telebot and the handlers change
// it.
//
// Once the bot stops it no longer takes updates. What its channel has no room
// for is then received all the same and let go, so that the poller behind is not
// stuck and Stop returns. Telegram repeats to the next process what that poller did
// not confirm by asking for more.
func (p *poller) Poll(b *tele.Bot, dest chan tele.Update, stop chan struct{}) {
	updates := make(chan tele.Update, ahead)
	go func() {
		defer close(updates)
		p.next.Poll(b, updates, stop)
	}()
	for u := range updates {
		p.observer.polled(&u, b)
		forward(u, dest, stop)
	}
}

// forward prefers the channel's room over the stop: what fits in is handled when
// the bot is started again.
func forward(u tele.Update, dest chan<- tele.Update, stop <-chan struct{}) {
	select {
	case dest <- u:
		return
	default:
	}
	select {
	case dest <- u:
	case <-stop:
	}
}
