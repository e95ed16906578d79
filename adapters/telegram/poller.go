package telegram

import tele "gopkg.in/telebot.v3"

// A poller observes what another poller delivers.
type poller struct {
	next     tele.Poller
	observer *observer
}

// Poll implements tele.Poller. The poller behind gets the bot's own stop channel,
// since pollers of telebot both receive from it and close it. An update is
// observed before it is handed on: from then on telebot and the handlers change
// it.
//
// Once the bot stops it no longer takes updates. What its channel has no room
// for is then received all the same and let go, so that the poller behind is not
// stuck and Stop returns. Telegram repeats such updates to the next process.
func (p *poller) Poll(b *tele.Bot, dest chan tele.Update, stop chan struct{}) {
	updates := make(chan tele.Update)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.next.Poll(b, updates, stop)
	}()
	for {
		select {
		case u := <-updates:
			p.observer.polled(&u, b)
			forward(u, dest, stop, done)
		case <-done:
			return
		}
	}
}

// forward prefers the channel's room over the stop: what fits in is handled when
// the bot is started again.
func forward(u tele.Update, dest chan<- tele.Update, stop, done <-chan struct{}) {
	select {
	case dest <- u:
		return
	default:
	}
	select {
	case dest <- u:
	case <-stop:
	case <-done:
	}
}
