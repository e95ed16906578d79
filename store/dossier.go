package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// A Dossier is all that a store holds of one person, for [Copy], and for whoever
// asks what is kept of them.
type Dossier struct {
	Key Key `json:"key"`
	// Record is what is kept, zero where that is nothing.
	Record Record `json:"record,omitzero"`
	// Forgotten is true where there is a tombstone. Record is then zero.
	Forgotten bool `json:"forgotten,omitempty"`
	// Standings are those of an [Outbox], sorted by backend.
	Standings []Standing `json:"standings,omitempty"`
}

// Validate returns nil, or an error that wraps ErrInvalid: a malformed Key, or a
// Record of somebody else.
func (d Dossier) Validate() error {
	if err := d.Key.Validate(); err != nil {
		return err
	}
	if !d.Record.Equal(Record{}) && d.Record.Key != d.Key {
		return fmt.Errorf("the record is of another key: %w", ErrInvalid)
	}
	return nil
}

// Empty reports whether nothing is held of the person.
func (d Dossier) Empty() bool {
	return !d.Forgotten && d.Record.Key.IsZero() && len(d.Standings) == 0
}

// A Portable store gives away all that it holds and takes it over from another,
// which is what [Copy] needs.
type Portable interface {
	Store

	// Dossiers yields everybody of whom anything is held, be it a tombstone or a
	// standing, in the order of [Key.Compare] behind after, as List yields
	// profiles. What one Dossier holds is as it was at one moment.
	Dossiers(ctx context.Context, after Key) iter.Seq2[Dossier, error]

	// Import joins each dossier to what the store holds of that person
	// ([Dossier.Join]), all in one transaction. Keys may repeat; such dossiers
	// are joined one after the other. Standings of backends that are not
	// enrolled here are left out. Who is forgotten by it is erased as by Forget.
	// A dossier that is not valid fails the whole call with ErrInvalid.
	Import(ctx context.Context, dossiers []Dossier) error
}

// Join returns what a store that holds d is to hold once it has taken over from.
// backends are those that are enrolled there. It is for a [Portable] store's
// Import, inside of its transaction.
//
// Records are merged, and who is forgotten by either is: a tombstone has no time,
// and goes by Readmit alone.
//
// Both stores may have delivered to a backend, the one after the other. How
// somebody stands there is joined so that nothing is lost: what either of the two
// owes is owed, and so is what the merge changed, and what that store did not know
// where it may have sent something older. What was settled there is owed here no more
// where that store knew all that is kept by now, and nothing was sent from here since.
// A claim stays behind, and what it was for is due when its lease
// is over. Somebody without a standing is owed whole, in the bulk lane.
func (d Dossier) Join(from Dossier, backends []string, now time.Time) Dossier {
	joined := Dossier{Key: from.Key, Forgotten: d.Forgotten || from.Forgotten}
	m := meeting{now: now}
	if !joined.Forgotten {
		joined.Record, m.news = d.Record.Apply(from.Record)
		_, m.lacking = from.Record.Apply(d.Record)
	}
	m.kept = !joined.Record.Key.IsZero()
	for _, backend := range slices.Sorted(slices.Values(backends)) {
		s := m.join(d.standing(backend), from.standing(backend))
		if s.State == "" {
			continue
		}
		s.Backend, s.Key = backend, from.Key
		joined.Standings = append(joined.Standings, s)
	}
	return joined
}

// standing returns that with a backend, a zero one where there is none. What
// comes from elsewhere is brought into form.
func (d Dossier) standing(backend string) Standing {
	i := slices.IndexFunc(d.Standings, func(s Standing) bool { return s.Backend == backend && s.State.Known() })
	if i < 0 {
		return Standing{}
	}
	s := d.Standings[i]
	if len(s.Fields) > 0 {
		s.Fields = union(s.Fields, nil)
	}
	s.Due = wholeMillis(s.Due)
	return s
}
