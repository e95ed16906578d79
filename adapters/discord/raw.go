package discord

import (
	"iter"

	"github.com/rollcall-go/rollcall/middleware"
)

const ready = "READY"

// FromRaw says who acted in one gateway event, given its name and its data as
// Discord sent them. It is pure and never panics: a malformed event yields one
// Sender that is dropped as such. It yields
//
//   - one Sender for a message or an interaction, with Drop saying why it makes
//     no profile, where it makes none;
//   - with Scope Everyone one for each other event of a person, and one for each
//     member that an event lists;
//   - nothing for events that tell of nobody.
//
// The senders keep nothing of data. Their Reply and Native are nil. o may be
// nil.
func FromRaw(eventType string, data []byte, o *Options) iter.Seq[middleware.Sender] {
	opts := o.orDefault()
	return func(yield func(middleware.Sender) bool) {
		if s, ok := one(eventType, data, opts.me(), opts); ok {
			yield(s)
			return
		}
		if l, ok := opts.listing(eventType); ok {
			many(eventType, l, data, opts, yield)
		}
	}
}

// one returns the sender of an event that has one.
func one(event string, data []byte, me uint64, o *Options) (s middleware.Sender, ok bool) {
	c := cursor{data: data}
	switch event {
	case messageCreate, messageUpdate:
		m := c.message(event, me)
		if !c.end() {
			return malformed(event), true
		}
		return m.sender(me, o), true
	case interactionCreate:
		i := c.interaction()
		if !c.end() {
			return malformed(event), true
		}
		return i.sender(o), true
	}
	if o.Scope != Everyone {
		return s, false
	}
	if _, act := acts[event]; !act {
		return s, false
	}
	g := c.sighting(event)
	if !c.end() {
		return malformed(event), true
	}
	if !g.tells() {
		return s, false
	}
	return g.sender(o), true
}

// many yields the senders of an event that lists people.
func many(event string, l listing, data []byte, o *Options, yield func(middleware.Sender) bool) {
	c := cursor{data: data}
	people := c.listed(event, l)
	if !c.end() {
		yield(malformed(event))
		return
	}
	for g := range people {
		if !yield(g.sender(o)) {
			return
		}
	}
}

func malformed(event string) middleware.Sender {
	return middleware.Sender{Channel: Channel, Event: event, Drop: middleware.ReasonMalformed}
}

// readyID returns the bot's own id out of a READY event, 0 where it has none.
func readyID(data []byte) uint64 {
	c := cursor{data: data}
	var id uint64
	for key := range c.members {
		if string(key) == "user" {
			id = c.userID()
		}
	}
	if !c.end() {
		return 0
	}
	return id
}
