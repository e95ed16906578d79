package store

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// A Store keeps profiles. All its methods may be called from many goroutines at
// once, and after the store was closed return an error that wraps ErrClosed.
//
// A store returns errors and never logs them. It keeps nothing that it was
// given and gives nothing away that it keeps: slices and maps are the
// receiver's own. An error is for good only if it wraps ErrInvalid; the callers
// try anything else again.
type Store interface {
	// Apply joins each delta to what is kept of its person, all in one
	// transaction: by the time it returns nil all of it is durable, and when it
	// returns an error nothing changed, or, where the answer of a server was lost,
	// all of it: to apply it again is harmless. Change i tells what delta i did.
	// Keys may repeat; such deltas apply one after the other. A delta whose Key is
	// malformed fails the whole call with ErrInvalid. Of concurrent deltas for a
	// new Key, exactly one is reported as Created, but none where that answer of a
	// server was lost.
	Apply(ctx context.Context, deltas []Record) ([]Change, error)

	// Get returns what is kept of one person. The error wraps ErrNotFound where
	// that is nothing, and ErrSuppressed too where there is a tombstone.
	Get(ctx context.Context, key Key) (Record, error)

	// List yields the profiles that match f, in the order of [Key.Compare]. It
	// reads as it goes, in bounded memory; somebody who appears or changes
	// meanwhile may be missed. The last Key of one listing, as Filter.After,
	// goes on where it ended. An error ends the sequence; its Profile is zero. A
	// filter that is not valid is refused with ErrInvalid.
	List(ctx context.Context, f Filter) iter.Seq2[Profile, error]

	// Forget erases all that is kept of one person, durably and also from the
	// store's files, and makes an Outbox owe the erasure to backends. With
	// suppress a tombstone (the Key and nothing else) stays, and Apply refuses the
	// person until Readmit; without, the next event brings them back. To forget
	// somebody unknown is no error. After ErrUnavailable alone nothing need have
	// changed, or the person is gone for every reader and only bytes are left in a
	// file: call Forget again, until it returns nil.
	Forget(ctx context.Context, key Key, suppress bool) error

	// Readmit removes the tombstone of a person, where there is one.
	Readmit(ctx context.Context, key Key) error
}

// A Filter says which profiles [Store.List] yields. The zero Filter yields all.
// Conditions add up.
type Filter struct {
	Channel      string    // only this channel
	Status       Status    // only this status
	SeenSince    time.Time // LastSeen at this time or later
	SeenBefore   time.Time // LastSeen before this time; people never seen as well
	CreatedSince time.Time // FirstSeen at this time or later; people never seen have none
	// Search is text that must occur in a name, the username, the email or a
	// nick, whatever the case of either. See [SearchText].
	Search string
	// After is the cursor: only keys behind this one.
	After Key
	// Limit is how many profiles to yield at the most. 0 and less mean no limit.
	Limit int
}

// Validate returns nil, or an error that wraps ErrInvalid where f asks for a Status
// that there is not.
func (f Filter) Validate() error {
	if f.Status == "" {
		return nil
	}
	if problem := statusProblem(string(f.Status)); problem != "" {
		return fmt.Errorf("the status %q %s: %w", f.Status, problem, ErrInvalid)
	}
	return nil
}

// Match reports whether p passes f's conditions, all but After and Limit.
func (f Filter) Match(p Profile) bool {
	return (f.Channel == "" || p.Channel == f.Channel) &&
		(f.Status == "" || p.Status == f.Status) &&
		(f.SeenSince.IsZero() || !p.LastSeen.IsZero() && !p.LastSeen.Before(f.SeenSince)) &&
		(f.SeenBefore.IsZero() || p.LastSeen.IsZero() || p.LastSeen.Before(f.SeenBefore)) &&
		(f.CreatedSince.IsZero() || !p.FirstSeen.IsZero() && !p.FirstSeen.Before(f.CreatedSince)) &&
		(f.Search == "" || matchSearch(p, f.Search))
}
