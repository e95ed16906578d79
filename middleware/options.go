package middleware

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// Options are the settings of a Middleware. The zero value and nil are ready to
// use.
//
// The hooks run one at a time, on a goroutine of the Middleware's own, never on
// the bot's. A slow hook delays only hooks; a panic in one is logged and
// contained. The ctx of a hook is cancelled when Close gives up waiting, or
// returns.
type Options struct {
	// Logger gets what the bot's owner should know: the store is away, is back,
	// a hook panicked. Names are never logged, and keys only at debug level.
	// nil is silent.
	Logger *zap.Logger

	// Backends are kept in step with the store, which must be a store.Outbox, as
	// all stores of this module are. Each is enrolled there: everybody who is
	// kept is brought to it first, and every change from then on, by whichever
	// process runs with it. Deliveries use goroutines of their own, and never
	// hold up the bot or the store. nil: none.
	Backends []store.Backend

	// OnSuccess is called for each Created, Updated, Delivered and Erased, the last
	// also for people whose Retention is over. nil: nothing. An Outcome.Reply in it
	// is a call of the platform, which holds up the hooks of others: most of a
	// second as a rule, longer when the platform limits it. Deliveries have nobody
	// to reply to, nor have those who are erased; tell them by Outcome.Target and
	// Outcome.Result.
	OnSuccess func(ctx context.Context, o Outcome)
	// OnFailure is called for each Failed, with Outcome.Err as err. nil:
	// nothing.
	OnFailure func(ctx context.Context, o Outcome, err error)
	// OnOutcome is called for every Outcome before Close, ahead of the two above;
	// for Unchanged, Coalesced and Dropped it is the only one. nil: nothing.
	OnOutcome func(ctx context.Context, o Outcome)
	// OnRetry is called for each delivery to a backend that was in vain and is
	// tried again. nil: nothing.
	OnRetry func(ctx context.Context, r Retry)

	// Tracer sees how long the store and the backends take. nil: nobody does, and it
	// costs nothing. Package otelrollcall makes one.
	Tracer Tracer

	// Who decides which senders become profiles. It runs on the bot's goroutine
	// for every event and must be quick. nil: those whose Drop is empty, the
	// acting humans who address the bot. To widen, look at Sender.Drop; a
	// sender without a user id is dropped in any case. Tell people apart by
	// Sender.Key: UserID is empty where NumericID is set. Texts of s may point
	// into the event: strings.Clone what you keep.
	Who func(s Sender) bool
	// When decides which of their observations are saved. Zero: EveryChange.
	When When

	// CustomFields defines the keys that Profile.Custom may have. A key that is
	// not here is refused with a *store.FieldError.
	CustomFields []store.CustomField

	// ExpectedPeople sizes the memory of senders who have not changed: 24 bytes
	// each, all allocated by New, and 384 KiB beside. More people than this still
	// work, with more questions to the store. 0: 100,000, which takes 2.4 MB. It is
	// 10 billion at the most.
	ExpectedPeople int
	// SeenEvery is how stale Profile.LastSeen may be: an unchanged sender is
	// saved again once in this time, of one second or more. 0: one hour. Negative:
	// LastSeen moves only when something else changes. With FirstMessage nothing is
	// saved again, but the store is asked once in this time whether it still has the
	// person.
	SeenEvery time.Duration
	// Retention is for how long people are kept of whom there is no sign of life, as
	// store.Record.SilentSince tells: who were not seen, and of whom nothing was
	// stated. After that they are erased from the store, and from every backend
	// that may have got something of them, as by Forget but without a tombstone:
	// their next event makes a new profile. The hooks hear of each by an Erased
	// of TargetStore, and of each backend's as after Forget. Receipts stay, which
	// hold the Key.
	//
	// The Middleware looks for them within half an hour from its start and then once
	// a day, on a goroutine of its own, and erases them page by page with pauses;
	// see Expire, too. Several processes may do so, also those of Deliver. Time is
	// this machine's, and who is erased goes up to SeenEvery and a day later. Whom
	// Import brings with a Sender.At that long ago goes with the next sweep.
	//
	// Where everybody in the store is silent for that long, the clock may be ahead:
	// nobody is erased and an error is logged, until somebody is seen and the process
	// starts anew, or Expire is called, which does not ask. Whoever has a damaged record
	// is left behind, with a warning that says how many they are. Where a store of your
	// own gives no store.DamagedError, a sweep ends there, each day, until a backup is
	// restored or that person is forgotten.
	//
	// It must be 48 times SeenEvery or longer, and no process that observes for
	// this store may have a longer SeenEvery. With When StartOnly a start is the only
	// sign of life. New refuses it with a negative SeenEvery, with FirstMessage,
	// and with a store that is no store.Expirer. 0: for ever.
	Retention time.Duration
	// Attempts is after how many refusals of the store an observation, or of a
	// backend a delivery, is reported as Failed. It is kept and tried again all
	// the same. 0: 5.
	Attempts int
}

// When is which observations are saved.
type When uint8

// The choices.
const (
	EveryChange  When = iota // first sight, and whatever changes later
	FirstMessage             // first sight only; later changes are left out
	StartOnly                // only start commands
)

const (
	defaultExpectedPeople = 100_000
	mostPeople            = 10_000_000_000
	defaultSeenEvery      = time.Hour
	defaultAttempts       = 5
)

func (o *Options) validate() error {
	if err := store.CustomFields(o.CustomFields).Validate(); err != nil {
		return err
	}
	switch {
	case o.When > StartOnly:
		return fmt.Errorf("Options.When is none of the choices: %w", store.ErrInvalid)
	case o.ExpectedPeople < 0:
		return fmt.Errorf("Options.ExpectedPeople is negative: %w", store.ErrInvalid)
	case int64(o.ExpectedPeople) > mostPeople:
		return fmt.Errorf("Options.ExpectedPeople is above 10 billion, and New allocates 24 bytes for each: %w", store.ErrInvalid)
	case o.Attempts < 0:
		return fmt.Errorf("Options.Attempts is negative: %w", store.ErrInvalid)
	case o.SeenEvery > 0 && o.SeenEvery < time.Second:
		return fmt.Errorf("Options.SeenEvery is below one second: %w", store.ErrInvalid)
	}
	names := make(map[string]bool, len(o.Backends))
	for _, b := range o.Backends {
		if err := store.ValidateBackend(b); err != nil {
			return fmt.Errorf("Options.Backends: %w", err)
		}
		if names[b.Name()] {
			return fmt.Errorf("Options.Backends: two are named %q, give one another name: %w", b.Name(), store.ErrInvalid)
		}
		names[b.Name()] = true
	}
	return nil
}

func (o *Options) logger() *zap.Logger {
	if o.Logger == nil {
		return zap.NewNop()
	}
	return o.Logger.Named("rollcall")
}

// seenEvery returns SeenEvery in seconds, 0 for never.
func (o *Options) seenEvery() int64 {
	every := cmp.Or(o.SeenEvery, defaultSeenEvery)
	return max(0, int64(every/time.Second))
}

func (o *Options) expectedPeople() int { return cmp.Or(o.ExpectedPeople, defaultExpectedPeople) }

func (o *Options) attempts() int { return cmp.Or(o.Attempts, defaultAttempts) }
