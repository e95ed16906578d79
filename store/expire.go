package store

import (
	"context"
	"time"
)

// An Expirer is a Store that can erase people of whom there was no sign of life for
// a long time. middleware.Options.Retention needs one.
type Expirer interface {
	Store

	// Expire erases those of keys of whom there was no sign of life at before or
	// later ([Record.SilentSince]), all in one transaction: as Forget does, in files
	// and at the backends of an Outbox too, and without a tombstone. Whether
	// somebody is one of them is decided in that transaction, so whoever is
	// changed meanwhile, by any process, stays. Nothing is done with those of
	// whom nothing is kept, or a tombstone alone.
	//
	// expired tells of each key whether this call erased it. Keys may repeat, and up
	// to 500 people go at once. A Key that is malformed fails the whole call with
	// ErrInvalid. Other errors are those of Forget, and where bytes are left in a file
	// the same call once more removes them. Beside an error expired is nil, or
	// tells who is gone all the same.
	Expire(ctx context.Context, keys []Key, before time.Time) (expired []bool, err error)
}

// SilentSince reports whether the last sign of life was before t, to the second:
// who gave one in the same second was not silent. A sign is that the person was
// seen, and also that somebody stated or took back a field: what the bot's owner
// pinned last month is not meant to be gone today.
func (r Record) SilentSince(t time.Time) bool {
	t = t.Truncate(time.Second)
	last := latest(r.FirstSeen, r.LastSeen)
	for _, reg := range r.Registers {
		last = latest(last, reg.At)
	}
	return last.Before(t)
}
