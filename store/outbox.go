package store

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"
)

// An Outbox is a Store that also remembers what it owes to backends: one
// [Standing] for each person and backend, written in the transaction that
// changes the person. So what is owed is bounded by people, however long a
// backend is away, and survives whatever the profiles survive.
//
// Every change that [Change.Owes] is owed to every enrolled backend, whichever
// process made it. Any number of processes may deliver: a claim keeps a person's
// delivery to one of them at a time.
//
// Names of backends are not checked here; see [ValidateBackend]. All times are
// spans, measured by the store's own clock.
type Outbox interface {
	Store

	// Enroll makes a backend known, from now on and for good: everybody who is
	// kept is owed to it, in the bulk lane, and so is every change to come. It
	// may take long, works in steps, heeds ctx between them, and goes on where
	// another call stopped. For a backend that is enrolled already it does
	// nothing.
	Enroll(ctx context.Context, backend string) error

	// Withdraw forgets a backend with all its standings: what is owed to it,
	// dead letters, and the receipts of erasures. What it holds is not erased
	// there. To withdraw an unknown one is no error.
	Withdraw(ctx context.Context, backend string) error

	// Resync makes everybody owed to an enrolled backend again, whole, in the
	// bulk lane, in steps as Enroll does. The error wraps ErrNotFound for one
	// that is not enrolled.
	Resync(ctx context.Context, backend string) error

	// Replay makes dead letters owed again, those of one person or, with the
	// zero Key, all of a backend, and returns how many. What waits for another
	// try may then be tried at once ([Standing.Replayed]).
	Replay(ctx context.Context, backend string, key Key) (int, error)

	// Claim takes up to limit standings that are due, for lease: until then
	// nobody else gets them. Those of the bulk lane come after all others, and
	// within a lane the one that is due longest comes first. When there is
	// nothing it returns none, and how long until something can be, which is
	// short where all that is due is being claimed by others: zero or less when
	// nothing is owed at all.
	Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]Claim, time.Duration, error)

	// Settle ends claims, all in one transaction. A Settlement whose claim
	// has run out and was taken by somebody else changes nothing. Once it
	// returned nil all of it is durable.
	Settle(ctx context.Context, backend string, settlements []Settlement) error

	// Standings yields the standings that match f, ordered by backend and then
	// Key, as List yields profiles. The error wraps ErrNotFound for a backend
	// that is not enrolled, and ErrInvalid for a filter that is not valid.
	Standings(ctx context.Context, f StandingFilter) iter.Seq2[Standing, error]

	// Backlogs tells what is owed to each enrolled backend, sorted by name. It
	// counts, so it is for people to look at, not for each message.
	Backlogs(ctx context.Context) ([]Backlog, error)
}

// A Claim is one standing that the caller may deliver now, with what is kept of
// the person. Record is zero where that is nothing.
type Claim struct {
	Standing Standing
	Record   Record
	// Waited is for how long it had been due when it was claimed: since the change,
	// or since the time of the next try.
	Waited time.Duration
}

// A StandingFilter says which standings [Outbox.Standings] yields. The zero
// value yields all. Conditions add up.
type StandingFilter struct {
	Backend string
	Key     Key
	State   State
}

// Validate returns nil, or an error that wraps ErrInvalid where f asks for a State
// that there is not.
func (f StandingFilter) Validate() error {
	if f.State != "" && !f.State.Known() {
		return fmt.Errorf("there is no state %q: %w", f.State, ErrInvalid)
	}
	return nil
}

// Match reports whether s passes f.
func (f StandingFilter) Match(s Standing) bool {
	return (f.Backend == "" || s.Backend == f.Backend) && (f.Key.IsZero() || s.Key == f.Key) &&
		(f.State == "" || s.State == f.State)
}

// A Backlog is what is owed to one backend.
type Backlog struct {
	Backend string
	// Owed is how many people are, Bulk how many of them by an Enroll or a
	// Resync, behind all others.
	Owed, Bulk int
	// Dead is how many dead letters there are.
	Dead int
	// Complete is false while Enroll or Resync has not come to its end. Total
	// then still grows.
	Complete bool
	// Total is how many people the last Enroll or Resync was about, and Elapsed
	// how long ago it began.
	Total   int
	Elapsed time.Duration
}

// Done is how many of Total are not owed any more.
func (b Backlog) Done() int { return max(0, b.Total-b.Owed) }

// PerSecond is how many people a second were Done since the last Enroll or
// Resync began. 0 when nobody is owed.
func (b Backlog) PerSecond() float64 {
	if b.Elapsed <= 0 || b.Owed == 0 {
		return 0
	}
	return float64(b.Done()) / b.Elapsed.Seconds()
}

// TimeLeft is how long what is owed will take at that pace. 0 means that nobody
// is owed, or that nothing is known yet. It is 292 years at the most.
func (b Backlog) TimeLeft() time.Duration {
	if b.Owed == 0 || b.Done() == 0 {
		return 0
	}
	left := float64(b.Elapsed) * float64(b.Owed) / float64(b.Done())
	if left >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(left)
}
