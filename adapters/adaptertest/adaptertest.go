package adaptertest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// An Adapter is what [Run] needs to know of the adapter under test.
type Adapter struct {
	// Channel is the channel that the adapter puts into its keys.
	Channel string
	// UserID is how the adapter's keys write the account with this number, such as
	// "@42:example.org"; Connect's bot makes the same id of Input.UserID. nil: in
	// decimal, as on platforms whose ids are integers.
	UserID func(number uint64) string
	// Connect starts a bot of the real platform library with mw attached by the
	// adapter, the bot itself answering every message that reaches it. It stops
	// the bot with t.Cleanup. Where mw is nil it starts the same bot without the
	// adapter, for comparison.
	Connect func(t *testing.T, mw *middleware.Middleware) Bot
	// Skip names the properties that the platform cannot have, with the reason,
	// which is printed. The package's documentation lists the names.
	Skip map[string]string
}

// A Bot is one running bot of the platform library.
type Bot struct {
	// Deliver sends one event to the bot as the platform would, and returns
	// when the library has handed it on and the bot's own handlers, if any run
	// for it, have returned. It reports whether the event reached the bot's
	// side of the library at all, with or without a handler: "ignored" can only
	// be said of what was delivered. It is called from several goroutines at
	// once.
	Deliver func(t *testing.T, in Input) (delivered bool)
	// Handled returns how often the bot's own message handler has run.
	Handled func() int
	// Sent returns the texts that the bot has sent so far to the chat in which
	// an Input like this one is delivered: that of UserID for Message and Start,
	// the group for Addressed and Overheard. nil where nobody can tell; then
	// the property reply is left out.
	Sent func(in Input) []string
}

// An Input is one event in no platform's words.
type Input struct {
	Kind Kind
	// UserID is the number of who acts: the platform's id, where ids are integers,
	// and else what Adapter.UserID makes one of.
	UserID uint64
	// At is when it happens, by the platform's clock: what the event's time
	// stamp or the time in its id says, as exactly as the platform can. The
	// events of one person are whole seconds apart.
	At time.Time
	// Name is the person's name: where the platform has a given and a family
	// name, it is the given name. LastName is "" where there is none.
	Name     string
	LastName string // left out by platforms that have one name
	Username string // left out by platforms that skip username-moves, since ids are all they have
	// Text is what is written, for Message; the payload, for Start.
	Text string
}

// A Kind is what happens in an Input.
type Kind string

// The kinds. An adapter whose platform has no such event skips the properties
// that need it.
const (
	Message   Kind = "message"   // to the bot, in a private chat
	Start     Kind = "start"     // the start command, in a private chat, Text being its payload
	Addressed Kind = "addressed" // in a group, to the bot: a mention or a command
	Overheard Kind = "overheard" // in a group, not to the bot
	FromBot   Kind = "bot"       // like Message, written by another bot
	Nobody    Kind = "nobody"    // an event of the platform that no person is behind: a channel post, a webhook
)

// Run checks an adapter: each property of the package's documentation is a
// subtest, and the message of one that fails says why the property matters. A
// property that Adapter.Skip names is skipped and its reason printed; a name
// there that is no property's fails the test.
func Run(t *testing.T, a Adapter) {
	t.Helper()
	if mistakes := a.mistakes(); len(mistakes) > 0 {
		t.Fatalf("adaptertest: %s", strings.Join(mistakes, "; "))
	}
	for _, p := range properties {
		t.Run(p.name, func(t *testing.T) {
			if reason, ok := a.Skip[p.name]; ok {
				t.Skipf("skipped by the adapter: %s", reason)
			}
			s := p.check(t, a)
			if s.skipped != "" {
				t.Skip(s.skipped)
			}
			if err := s.failure(); err != nil {
				t.Errorf("%v\n\twhy it matters: %s", err, p.reason)
			}
		})
	}
}

func (a Adapter) key(number uint64) store.Key {
	if a.UserID == nil {
		return store.Key{Channel: a.Channel, UserID: strconv.FormatUint(number, 10)}
	}
	return store.Key{Channel: a.Channel, UserID: a.UserID(number)}
}

// mistakes returns what is wrong with how the suite is called.
func (a Adapter) mistakes() []string {
	var found []string
	if a.Connect == nil {
		found = append(found, "Adapter.Connect is nil")
	}
	if err := (store.Key{Channel: a.Channel, UserID: "1"}).Validate(); err != nil {
		found = append(found, "Adapter.Channel: "+err.Error())
	} else if err := a.key(1).Validate(); err != nil {
		found = append(found, "Adapter.UserID: "+err.Error())
	} else if a.key(1) == a.key(2) {
		found = append(found, "Adapter.UserID makes one id of two numbers")
	}
	for name, reason := range a.Skip {
		if !slices.ContainsFunc(properties, func(p property) bool { return p.name == name }) {
			found = append(found, "Skip names "+name+", which is no property")
		}
		if reason == "" {
			found = append(found, "Skip gives no reason for "+name)
		}
	}
	return found
}
