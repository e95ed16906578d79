package middleware

import (
	"context"
	"errors"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// TargetStore is the Target of an Outcome that tells about the store.
const TargetStore = "store"

// A Result says what became of an observation, or of a delivery to a backend.
type Result string

// The results. Every observation ends in exactly one of the first six at the
// store. A change that it made is then owed to each backend, together with what
// else of the person is owed there, and the delivery ends in one of the last
// three.
const (
	Created   Result = "created"   // first sight of the person; durable
	Updated   Result = "updated"   // visible fields changed; durable
	Unchanged Result = "unchanged" // nothing was new
	Coalesced Result = "coalesced" // joined to an earlier observation of the person that waits to be saved
	Dropped   Result = "dropped"   // no profile is made of it, see Outcome.Reason
	Failed    Result = "failed"    // not saved, or not taken by the backend, see Outcome.Err
	Delivered Result = "delivered" // the backend has accepted the person as they are now
	Erased    Result = "erased"    // the backend has erased the person; of TargetStore: Options.Retention is over
)

// A Reason says why an observation was dropped.
type Reason string

// The reasons. The adapters give the first group, the middleware the second.
const (
	ReasonNobody      Reason = "nobody"                   // the event has no sender
	ReasonBot         Reason = "bot"                      // a bot acted
	ReasonWebhook     Reason = "webhook"                  // a webhook wrote under a name of its choice
	ReasonChannel     Reason = "channel"                  // a channel or group spoke as itself
	ReasonAnonymous   Reason = "anonymous admin"          // an admin who hides behind the group
	ReasonService     Reason = "service account"          // an account of the platform itself
	ReasonSystem      Reason = "system message"           // the platform wrote it, nobody did
	ReasonUnaddressed Reason = "not addressed to the bot" // outside the adapter's Scope
	ReasonMalformed   Reason = "malformed event"          // the event could not be understood

	ReasonInvalidKey Reason = "invalid key"           // channel or user id cannot be a Key
	ReasonWho        Reason = "filtered"              // Options.Who said no
	ReasonWhen       Reason = "not asked for"         // Options.When leaves it out
	ReasonSuppressed Reason = "forgotten"             // the person was forgotten with a tombstone
	ReasonOverload   Reason = "too many people wait"  // the store has been away for so long that no room is left
	ReasonClosed     Reason = "middleware is closed"  // Observe came after Close
	ReasonPanic      Reason = "panic while observing" // contained; the log tells of it
)

// ErrNoChat is what Outcome.Reply returns when the event came from no chat that
// can be answered.
var ErrNoChat = errors.New("middleware: the event has no chat to reply to")

// An Outcome is what became of one observation at one target. It belongs to the
// hook that it is given to: OnOutcome and, after it, OnSuccess or OnFailure, which
// share its maps, slices and Remote where both are set.
type Outcome struct {
	Target string // TargetStore, or the name of the backend
	Result Result
	Key    store.Key // zero where the event has nobody
	Event  string    // the platform's word for the event, "" for a delivery
	Start  bool      // the event was the start command

	// Profile is the person as saved, for Created, Updated, and an Unchanged
	// that the store was asked about; as delivered, for Delivered. Otherwise
	// zero.
	Profile store.Profile
	// Fields are those that changed, sorted, for Created and Updated, and those
	// that were brought up to date, for Delivered.
	Fields []store.Field
	// Refused are the fields that a delivery Failed for, where the backend says so
	// and has taken all else: see store.Receipt.
	Refused []store.Field
	// Uncleared are fields that have no value any more and whose last one stays
	// at the backend, which cannot clear: see store.Traits.
	Uncleared []store.Field
	// Remote is what the backend answered to a delivery, decoded, where it
	// answers anything worth it: its package says which type. Otherwise nil.
	Remote any
	// Reason is set when Result is Dropped.
	Reason Reason
	// Err is set when Result is Failed. It wraps a sentinel of package store. That
	// of a delivery is the backend's own, with URLs taken out of its text, and
	// wraps store.ErrCannotErase where a forgotten person has to be removed from
	// the backend by hand.
	Err error
	// Kept is true for a Failed observation that stays in memory and is tried
	// again until the process ends. Its later success has no Outcome. It is
	// also true for a delivery that failed Options.Attempts times, stays owed
	// in the store, and is Delivered one day. A Failed delivery that is not
	// Kept is a dead letter.
	Kept bool
	// Attempts is how often the store was asked, for Created, Updated and
	// Failed, and how often the backend was.
	Attempts int

	reply func(ctx context.Context, chat any, text string) error
	chat  any
}

// Reply answers in the chat that the event came from. It returns ErrNoChat
// where there is none, and else the platform's error with secrets taken out. The
// outcome of a delivery has none: it may be that of many events, and days later.
func (o Outcome) Reply(ctx context.Context, text string) error {
	if o.reply == nil {
		return ErrNoChat
	}
	return o.reply(ctx, o.chat, text)
}

// A Retry is a delivery that was in vain and will be tried again. It is no
// Outcome: that comes when the delivery ends.
type Retry struct {
	Target   string // the name of the backend
	Key      store.Key
	Attempts int           // so far, this one too
	After    time.Duration // until the next, at the earliest
	Err      error         // the backend's own, with URLs taken out of its text
}
