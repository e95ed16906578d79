package adaptertest

import "testing"

// A property is one rule of the contract. check plays a scene and leaves its
// failure in it.
type property struct {
	name   string
	reason string
	check  func(t *testing.T, a Adapter) *scene
}

var properties = []property{
	{"first-message", "a profile under any other id is somebody else's. " +
		"Ids are 64-bit integers: through a float64, as encoding/json decodes numbers into any, 9007199254740993 becomes ...992", firstMessage},
	{"repeat", "most messages say nothing new of their sender; each write for nothing is a write that the bot's host pays for", repeat},
	{"rename", "people rename themselves, and an insert that never updates greets them by their old name for ever", rename},
	{"last-name-removed", "on a platform whose events carry the whole person, a missing last name was removed: state it with Clear, not with nothing", lastNameRemoved},
	{"late-event", "libraries hand events on out of order and platforms send them again: the order is Sender.At, the platform's own time, not the arrival", lateEvent},
	{"username-moves", "a username is given up and taken by somebody else, so it can be no key", usernameMoves},
	{"unicode-name", "a name is its owner's: nothing is trimmed, split, transcribed or escaped", unicodeName},
	{"hostile-name", "anybody can choose a name that breaks a log line, a terminal or a query; it must reach Sender.Set as it is, and nothing else", hostileName},
	{"start", "Sender.Start and store.FieldStartPayload tell the author who came, and over which link", start},
	{"first-payload", "the payload says what brought a person here, and only the first one does", firstPayload},
	{"addressed", "who mentions the bot in a group talks to it", addressed},
	{"overheard", "who talks in a group that the bot happens to be in did not ask for a profile", overheard},
	{"sender-not-chat", "a chat's id is the person's only in a private chat; in a group it makes one profile of all its members", senderNotChat},
	{"bot", "bots are no people; the platform says who is one", fromBot},
	{"nobody", "channel posts, webhooks and system messages have no person behind them, and often no sender at all", nobody},
	{"many-people", "libraries run handlers on many goroutines; whatever an adapter shares between events needs a lock or must go", manyPeople},
	{"bot-unchanged", "rollcall is a guest in the bot: it neither swallows an event nor handles one twice", botUnchanged},
	{"store-fails", "a bot must not fall silent when a database is down: an adapter returns no error of its own into the bot's chain", storeFails},
	{"store-hangs", "a bot must not wait for a disk or a network: an adapter calls Observe and nothing that does I/O", storeHangs},
	{"store-panics", "a driver's bug is no reason to end the bot's process", storePanics},
	{"hook-panics", "a mistake in a hook is no reason to end the bot's process", hookPanics},
	{"after-close", "bots go on receiving while they shut down; Observe after Close is allowed and does nothing", afterClose},
	{"reply", "hooks answer people with Outcome.Reply, in the chat where they wrote: set Sender.Reply and Sender.Chat", reply},
}

// introduces says which property stands for a kind of event: an adapter that
// skips it has no such event.
var introduces = map[Kind]string{
	Start:     "start",
	Addressed: "addressed",
	Overheard: "overheard",
	FromBot:   "bot",
	Nobody:    "nobody",
}

// kinds returns the kinds of event that the platform has.
func (a Adapter) kinds() []Kind {
	kinds := []Kind{Message}
	for _, k := range []Kind{Start, Addressed, Overheard, FromBot, Nobody} {
		if _, skipped := a.Skip[introduces[k]]; !skipped {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// usernames reports whether people have a username beside their id.
func (a Adapter) usernames() bool {
	_, skipped := a.Skip["username-moves"]
	return !skipped
}
