package discord

import "github.com/rollcall-go/rollcall/store"

// A sighting is what an event says of somebody who did not turn to the bot:
// they joined, typed, reacted, or were merely listed. It counts in the Scope
// Everyone only.
type sighting struct {
	event  string
	status store.Status // "" where the event does not tell that the person acted
	place  place
	member member
}

// sightings lists the events of one person, with what each says of their status.
//
// https://discord.com/developers/docs/events/gateway-events
var sightings = map[string]store.Status{
	"GUILD_MEMBER_ADD":     store.StatusActive,
	"GUILD_MEMBER_UPDATE":  "",
	"GUILD_MEMBER_REMOVE":  store.StatusLeft,
	"TYPING_START":         store.StatusActive,
	"MESSAGE_REACTION_ADD": store.StatusActive,
	"VOICE_STATE_UPDATE":   store.StatusActive,
	"PRESENCE_UPDATE":      "",
}

// sighting reads any of them: the user stands in the event itself or in its
// member.
func (c *cursor) sighting(event string) sighting {
	g := sighting{event: event, status: sightings[event]}
	for key := c.object(sightingKeys); key != ""; key = c.next(sightingKeys) {
		switch key {
		case "guild_id":
			g.place = c.place()
		case "user":
			g.member.user.read(c)
		case "nick":
			g.member.nick = c.text()
		case "member":
			g.member = c.member()
		default:
			c.skip()
		}
	}
	return g
}

// tells reports whether the event says who it is about, with more than an id.
// Discord does not check what is in a presence: often that is the id alone.
func (g *sighting) tells() bool {
	u := &g.member.user
	return u.malformed || u.id != 0 && u.username.value != ""
}

func (g *sighting) act() act {
	u := g.member.user
	a := act{event: g.event, drop: u.drop(), user: u, place: g.place, nick: g.member.nick, status: g.status}
	if g.status == store.StatusLeft {
		// A leave takes nothing away from what is known.
		a.user.avatar.ok = u.avatar.value != ""
		a.nick = said{}
	}
	return a
}

// A listing is an event that tells of many members at once.
type listing struct {
	key    string // of the array
	nested bool   // its elements hold the member, and are not one
	place  string // the key of the guild's id
}

var listings = map[string]listing{
	"GUILD_MEMBERS_CHUNK":   {key: "members", place: "guild_id"},
	"GUILD_CREATE":          {key: "members", place: "id"},
	"THREAD_MEMBERS_UPDATE": {key: "added_members", place: "guild_id", nested: true},
}

// listing returns how an event lists people, and whether they are asked for.
func (o *Options) listing(event string) (listing, bool) {
	if o.Scope != Everyone {
		return listing{}, false
	}
	l, ok := listings[event]
	return l, ok && (o.Backfill || l.nested)
}

// listed yields what a listing says of each of its people. The guild's id may come
// after them.
func (c *cursor) listed(event string, l listing) (senders func(yield func(sighting) bool)) {
	var where place
	var people string
	want := keysOf(l.key, l.place)
	for key := c.object(want); key != ""; key = c.next(want) {
		switch key {
		case l.place:
			where = c.place()
		case l.key:
			people = c.span()
		default:
			c.skip()
		}
	}
	return func(yield func(sighting) bool) {
		list := cursor{data: people}
		for more := list.array(); more; more = list.another() {
			g := sighting{event: event, place: where}
			if l.nested {
				g.member = list.sighting(event).member
			} else {
				g.member = list.member()
			}
			if g.tells() && !yield(g) {
				return
			}
		}
	}
}

var sightingKeys = keysOf("guild_id", "user", "nick", "member")
