package discord

import (
	"encoding/json"
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
		l, lists := opts.listing(eventType)
		switch {
		case !lists && !opts.concerns(eventType):
		case !json.Valid(data):
			yield(middleware.Sender{Channel: Channel, Event: eventType, Drop: middleware.ReasonMalformed})
		case lists:
			many(eventType, l, data, func(a act) bool { return yield(a.sender(opts)) })
		default:
			if a, ok := one(eventType, data, opts.me(), opts); ok {
				yield(a.sender(opts))
			}
		}
	}
}

// one returns who acted in an event that has somebody. data is well-formed.
func one(event string, data []byte, me uint64, o *Options) (a act, ok bool) {
	if !o.concerns(event) {
		return act{}, false
	}
	c := cursor{data: string(data)}
	ok = true
	switch event {
	case messageCreate, messageUpdate:
		m := c.message(event, me)
		a = m.act(me, o)
	case interactionCreate:
		i := c.interaction()
		a = i.act()
	default:
		g := c.sighting(event)
		a, ok = g.act(), g.tells()
	}
	return a, ok
}

// concerns reports whether an event can be of one person who is asked for.
func (o *Options) concerns(event string) bool {
	switch event {
	case messageCreate, messageUpdate, interactionCreate:
		return true
	}
	_, sighted := sightings[event]
	return sighted && o.Scope == Everyone
}

// many yields the people whom an event lists. data is well-formed.
func many(event string, l listing, data []byte, yield func(act) bool) {
	c := cursor{data: string(data)}
	for g := range c.listed(event, l) {
		if !yield(g.act()) {
			return
		}
	}
}

// readyID returns the bot's own id out of a READY event, 0 where it has none.
func readyID(data []byte) uint64 {
	c := cursor{data: string(data)}
	var id uint64
	for key := range c.members {
		if key == "user" {
			id = c.userID()
		}
	}
	return id
}
