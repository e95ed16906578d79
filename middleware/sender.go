package middleware

import (
	"context"
	"strconv"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A Sender is what one platform event says about the person who acted. Adapters
// make one an event and hand it to [Middleware.Observe].
//
// What the event says of the profile is stated with Set, Clear and SetFlag. A
// field that none of them was called for is one that the event says nothing
// about, and what is kept of it stays.
//
// A Sender keeps the strings it is given and copies none: an adapter may point
// into the event it decoded, as long as nobody changes that memory until Observe has
// returned. What is kept beyond that is a copy.
type Sender struct {
	// Channel and UserID are the Key of the person: the adapter's fixed channel
	// name, and the platform's id.
	Channel string
	UserID  string
	// NumericID stands in for UserID on a platform whose ids are integers, so
	// that an unchanged sender costs no formatting. 0 means that UserID holds
	// the id.
	NumericID uint64

	// Event is the platform's own word for the event, such as "message" or
	// "MESSAGE_CREATE". It and Channel are not copied but kept: make them constants.
	Event string
	// Start is true when the event is the platform's start command.
	Start bool
	// At is when it happened, by the platform's clock; for events that do not say
	// so, see Clock. Zero means now, by this machine's. So does a time more than
	// five minutes ahead of it.
	At time.Time
	// Undated is true when At is a guess, because the event carries no time and
	// the Clock knows none yet. What s states then gives way to all that is
	// stated with a time, whether that came before or comes after.
	Undated bool

	// Drop says why the adapter thinks that this event makes no profile: a bot
	// wrote it, a webhook, nobody. Empty means that an acting human is behind
	// it. Options.Who may decide otherwise.
	Drop Reason

	// Reply sends text to Chat, for Outcome.Reply. It is set once an adapter,
	// not once an event, and Chat is what it needs to find the chat. Reply may
	// be nil. Both must stay valid after Observe has returned.
	Reply func(ctx context.Context, chat any, text string) error
	Chat  any
	// KeepChat returns what Reply needs of Chat, to be kept in its place while the
	// person waits to be saved: Chat may hold on to a whole event. Observe calls it,
	// and only where a hook could reply. nil keeps Chat.
	KeepChat func(chat any) any

	// Native is the platform's own event, for Options.Who to look into. It is
	// valid only until Observe returns.
	Native any

	print      Print // 0 for none
	statements [inlineStatements]statement
	inline     int
	more       []statement
}

// inlineStatements is how many fields a Sender states without an allocation.
const inlineStatements = 8

// A statement without a value says that the field has none.
type statement struct {
	field store.Field
	value string
}

// Set states that the field has this value. An empty value states that it has
// none, as Clear does. State each field once: of two statements the later
// counts, but a sender who goes back to the earlier may pass for unchanged.
func (s *Sender) Set(f store.Field, value string) {
	if s.inline < len(s.statements) {
		s.statements[s.inline] = statement{f, value}
		s.inline++
		return
	}
	s.more = append(s.more, statement{f, value})
}

// Clear states that the field has no value: the person removed it.
func (s *Sender) Clear(f store.Field) { s.Set(f, "") }

// SetFlag states a flag, such as store.FieldIsPremium. False clears it.
func (s *Sender) SetFlag(f store.Field, on bool) {
	if on {
		s.Set(f, "true")
		return
	}
	s.Clear(f)
}

// Key returns the Key of the person. It is zero where the event has nobody.
func (s *Sender) Key() store.Key {
	if s.NumericID != 0 {
		return store.Key{Channel: s.Channel, UserID: strconv.FormatUint(s.NumericID, 10)}
	}
	if s.UserID == "" {
		return store.Key{}
	}
	return store.Key{Channel: s.Channel, UserID: s.UserID}
}

// validateKey is Key().Validate, without making the Key.
func (s *Sender) validateKey() error {
	if s.NumericID != 0 {
		return store.Key{Channel: s.Channel, UserID: "1"}.Validate()
	}
	return store.Key{Channel: s.Channel, UserID: s.UserID}.Validate()
}

// Patch returns what s states, as it stands: an Observed patch at s.At, whose
// values have not been repaired yet and whose Clear is in no order. Of two
// statements about one field the later call counts. Undated has no part in it.
func (s *Sender) Patch() store.Patch {
	said := make(map[store.Field]string, s.inline+len(s.more))
	for st := range s.each {
		said[st.field] = st.value
	}
	p := store.Patch{Key: s.Key(), Source: store.Observed, At: s.At, Set: said}
	for f, value := range said {
		if value == "" {
			delete(said, f)
			p.Clear = append(p.Clear, f)
		}
	}
	return p
}

func (s *Sender) each(yield func(statement) bool) {
	for i := range s.inline {
		if !yield(s.statements[i]) {
			return
		}
	}
	for _, st := range s.more {
		if !yield(st) {
			return
		}
	}
}
