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
			many(eventType, l, string(data), func(a act) bool { return yield(a.sender(opts)) })
		default:
			var a act
			if one(&a, eventType, string(data), opts.me(), opts) {
				yield(a.sender(opts))
			}
		}
	}
}

// one reads who acted in an event that has somebody. data is well-formed.
func one(a *act, event, data string, me uint64, o *Options) bool {
	if !o.concerns(event) {
		return false
	}
	c := cursor{data: data}
	switch event {
	case messageCreate, messageUpdate:
		var m message
		m.read(&c, me, o)
		m.settle(event, me, o)
		*a = m.act
	case interactionCreate:
		var i interaction
		i.read(&c)
		*a = i.act
	default:
		g := c.sighting(event)
		if !g.tells() {
			return false
		}
		*a = g.act()
	}
	return true
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
func many(event string, l listing, data string, yield func(act) bool) {
	c := cursor{data: data}
	for g := range c.listed(event, l) {
		if !yield(g.act()) {
			return
		}
	}
}

var readyKeys = keysOf("user")

// readyID returns the bot's own id out of a READY event, 0 where it has none.
func readyID(data string) uint64 {
	c := cursor{data: data}
	var id uint64
	for key := c.object(readyKeys); key != ""; key = c.next(readyKeys) {
		switch key {
		case "user":
			id = c.userID()
		default:
			c.skip()
		}
	}
	return id
}
