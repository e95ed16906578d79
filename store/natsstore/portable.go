package natsstore

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Portable = (*Store)(nil)

// Dossiers implements [store.Portable]. It reads as List does.
func (s *Store) Dossiers(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
	return func(yield func(store.Dossier, error) bool) {
		for p, err := range s.everybody(ctx, "", after) {
			if err == nil {
				err = p.usable()
			}
			if err != nil {
				yield(store.Dossier{}, s.fail(ctx, "dossiers", err))
				return
			}
			if d := p.dossier(); !d.Empty() && !yield(d, nil) {
				return
			}
		}
	}
}

func (e *entry) dossier() store.Dossier {
	d := store.Dossier{Key: e.key, Record: e.record, Forgotten: e.suppressed}
	for _, st := range e.standings {
		d.Standings = append(d.Standings, clone(st.Standing))
	}
	slices.SortFunc(d.Standings, func(a, b store.Standing) int { return strings.Compare(a.Backend, b.Backend) })
	return d
}

// Import implements [store.Portable], for up to 999 people at once, as Apply.
func (s *Store) Import(ctx context.Context, dossiers []store.Dossier) error {
	keys := make([]store.Key, len(dossiers))
	for i, d := range dossiers {
		if err := d.Validate(); err != nil {
			return fmt.Errorf("natsstore: import: dossier %d: %w", i, err)
		}
		keys[i] = d.Key
	}
	err := s.update(ctx, keys, func(t *tx) error {
		for _, d := range dossiers {
			if err := t.join(t.people[d.Key], d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.fail(ctx, "import", err)
	}
	return nil
}

func (t *tx) join(p *person, from store.Dossier) error {
	if err := p.usable(); err != nil {
		return err
	}
	here := p.dossier()
	joined := here.Join(from, t.registry.names(), t.now)
	if joined.Forgotten != here.Forgotten || !joined.Record.Equal(here.Record) {
		p.record, p.kept, p.suppressed, p.dirty = joined.Record, !joined.Record.Key.IsZero(), joined.Forgotten, true
	}
	for _, st := range joined.Standings {
		if was, _, found := p.standing(st.Backend); !found || !reflect.DeepEqual(was, st) {
			t.put(p, st)
		}
	}
	for _, was := range here.Standings {
		if !slices.ContainsFunc(joined.Standings, func(st store.Standing) bool { return st.Backend == was.Backend }) {
			t.drop(p, was.Backend)
		}
	}
	if joined.Forgotten && !here.Forgotten {
		t.eraseTraces(p)
	}
	return nil
}
