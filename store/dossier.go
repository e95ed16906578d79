package store

import (
	"context"
	"iter"
	"slices"
	"strings"
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

// A Portable store gives away all that it holds and takes it over from another,
// which is what [Copy] needs.
type Portable interface {
	Store

	// Dossiers yields everybody of whom anything is held, be it a tombstone or a
	// standing, in the order of [Key.Compare] behind after, as List yields
	// profiles.
	Dossiers(ctx context.Context, after Key) iter.Seq2[Dossier, error]

	// Import joins each dossier to what the store holds of that person
	// ([Dossier.Join]), all in one transaction. Nothing becomes owed to
	// backends by what was delivered before. Standings of backends that are not
	// enrolled here are left out. A dossier whose Key is malformed fails the
	// whole call with ErrInvalid.
	Import(ctx context.Context, dossiers []Dossier) error
}

// Join returns what a store that holds d is to hold once it has taken over from.
// backends are those that are enrolled there. Records are merged, and who is
// forgotten by either is. A standing that only one of the two has is kept as it
// is, without its claim; of two the one of d is, and it is owed what the merge
// changed. Somebody without a standing is owed whole, in the bulk lane.
//
// It is for a [Portable] store's Import, inside of its transaction.
func (d Dossier) Join(from Dossier, backends []string, now time.Time) Dossier {
	joined := Dossier{Key: from.Key, Forgotten: d.Forgotten || from.Forgotten}
	var change Change
	if !joined.Forgotten {
		joined.Record, change = d.Record.Apply(from.Record)
	}
	for _, backend := range backends {
		here, was := d.standing(backend)
		there, is := from.standing(backend)
		there.Token = 0
		s := here
		switch {
		case joined.Forgotten:
			s = forgottenOf(here, there, now)
		case !was && is:
			s = there
		case !was && !joined.Record.Key.IsZero():
			s = Standing{Backend: backend, Key: from.Key}.Bulked(now)
		case was && change.Owes():
			s = here.Changed(change.Fields, now)
		}
		if was && s.Remote == "" && !joined.Forgotten {
			s.Remote, s.Touched = there.Remote, s.Touched || there.Touched
		}
		if s.State != "" {
			joined.Standings = append(joined.Standings, s)
		}
	}
	slices.SortFunc(joined.Standings, func(a, b Standing) int { return strings.Compare(a.Backend, b.Backend) })
	return joined
}

// forgottenOf is the standing of somebody who is forgotten by one of two stores,
// as both know them: a receipt of the erasure counts most.
func forgottenOf(here, there Standing, now time.Time) Standing {
	both := []Standing{here, there}
	for _, s := range both {
		if s.State == StateErased || s.State == StateUnerasable {
			return s
		}
	}
	for _, s := range both {
		if s.Erase {
			return s
		}
	}
	for _, s := range both {
		if forgotten, keep := s.Forgotten(now); keep {
			return forgotten
		}
	}
	return Standing{}
}

func (d Dossier) standing(backend string) (Standing, bool) {
	i := slices.IndexFunc(d.Standings, func(s Standing) bool { return s.Backend == backend })
	if i < 0 {
		return Standing{}, false
	}
	return d.Standings[i], true
}
