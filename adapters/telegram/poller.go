package telegram

import tele "gopkg.in/telebot.v3"

// A poller observes what another poller delivers.
type poller struct {
	next     tele.Poller
	observer *observer
	// updates come from next. It is one for all times that the bot starts, and never
	// closed: a webhook's handler may send when Poll is over.
	updates chan tele.Update
	// left came in when the bot had stopped and had no room.
	left []tele.Update
}

// ahead is how many updates may wait between two pollers. It spares a switch of
// goroutines for each. What waits there has been fetched, like what waits in the
// bot's own channel of a hundred, so it is few.
const ahead = 8

func newPoller(next tele.Poller, o *observer) *poller {
	return &poller{next: next, observer: o, updates: make(chan tele.Update, ahead)}
}

// Poll implements tele.Poller. The poller behind gets the bot's own stop channel,
// since pollers of telebot both receive from it and close it. An update is
// observed before it is handed on: from then on telebot and the handlers change
// it.
//
// Once the bot stops it no longer takes updates. What its channel has no room
// for is then received all the same and kept for the next start, so that the poller
// behind is not stuck and Stop returns. Telegram repeats to the next process what that
// poller did not confirm by asking for more.
//
// A poller may return at once and have another goroutine deliver. So Poll stays until
// the bot stops, and until the poller behind has returned.
func (p *poller) Poll(b *tele.Bot, dest chan tele.Update, stop chan struct{}) {
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		p.next.Poll(b, p.updates, stop)
	}()
	left := p.left
	p.left = nil
	for i := range left {
		p.forward(&left[i], dest, stop)
	}
	p.take(b, dest, stop, returned)
	p.take(b, dest, stop, stop)
	p.takeWaiting(b, dest, stop)
}

// take hands on what comes until end is closed.
func (p *poller) take(b *tele.Bot, dest chan<- tele.Update, stop, end <-chan struct{}) {
	for {
		p.takeWaiting(b, dest, stop)
		select {
		case u := <-p.updates:
			p.hand(b, &u, dest, stop)
		case <-end:
			return
		}
	}
}

// takeWaiting hands on what has come, as most of an answer's hundred updates have. To
// look costs less than to wait for either of two channels.
func (p *poller) takeWaiting(b *tele.Bot, dest chan<- tele.Update, stop <-chan struct{}) {
	for range ahead {
		select {
		case u := <-p.updates:
			p.hand(b, &u, dest, stop)
		default:
			return
		}
	}
}

func (p *poller) hand(b *tele.Bot, u *tele.Update, dest chan<- tele.Update, stop <-chan struct{}) {
	p.observer.polled(u, b)
	p.forward(u, dest, stop)
}

// forward prefers the channel's room over the stop: what fits in is handled when
// the bot is started again. It looks for room once more after the stop, from when on
// nobody makes any: the bot may have made some just before, and what comes next would
// take it and overtake this one.
func (p *poller) forward(u *tele.Update, dest chan<- tele.Update, stop <-chan struct{}) {
	select {
	case dest <- *u:
		return
	default:
	}
	select {
	case dest <- *u:
	case <-stop:
		select {
		case dest <- *u:
		default:
			p.left = append(p.left, *u)
		}
	}
}
