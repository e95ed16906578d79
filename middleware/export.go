package middleware

import (
	"context"
	"errors"
	"slices"

	"github.com/rollcall-go/rollcall/store"
)

// Export returns all that is held of one person, for the person who asks: what is
// kept with its provenance, what waits in this process to be saved, whether they were
// forgotten, and how they stand with each backend. What the backends themselves hold
// has to be asked there.
//
// As JSON it is complete, names and all, and readable: key, record, forgotten,
// standings; of the record registers (field, source, value or cleared, at), first_seen
// and last_seen; of each standing backend, state, due (since when, or when next),
// remote (the backend's own id), reason. Times are RFC 3339, and what is not there is
// left out.
//
// Where nothing is held it is the Key alone, and no error. The error is the store's.
// The Dossier is the caller's.
func (m *Middleware) Export(ctx context.Context, key store.Key) (store.Dossier, error) {
	d := store.Dossier{Key: key}
	kept, err := m.record(ctx, key)
	switch {
	case errors.Is(err, store.ErrSuppressed):
		d.Forgotten = true
	case err != nil && !absent(err):
		return store.Dossier{}, err
	default:
		d.Record = kept
		d.Record.Registers = slices.Clone(kept.Registers) // what waits keeps its own
	}
	if m.outbox == nil {
		return d, nil
	}
	d.Standings, err = m.standingsOf(ctx, key)
	if err != nil {
		return store.Dossier{}, err
	}
	for i := range d.Standings {
		d.Standings[i].Token = 0 // which is a matter of who delivers
	}
	return d, nil
}

// standingsOf reads how a person stands with each backend.
func (m *Middleware) standingsOf(ctx context.Context, key store.Key) ([]store.Standing, error) {
	return contained(m, func() (all []store.Standing, err error) {
		for s, err := range m.outbox.Standings(ctx, store.StandingFilter{Key: key}) {
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
		return all, nil
	})
}
