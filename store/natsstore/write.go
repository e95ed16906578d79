package natsstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
)

// commit writes what changed.
func (t *tx) commit(ctx context.Context, id string) error {
	checked, err := t.changed()
	if err != nil {
		return err
	}
	t.remove(batchSize - len(t.places) - len(checked))
	messages := slices.Concat(t.places, checked, t.marks)
	if len(messages) == 0 {
		return t.clean(ctx, 0)
	}
	seq, err := t.s.commit(ctx, id, messages)
	if err != nil {
		if len(messages) > batchSize && !errors.Is(err, errUnanswered) {
			t.takeBack(ctx)
		}
		return err
	}
	return t.clean(ctx, seq)
}

// takeBack removes the places that went ahead of a batch which was refused.
func (t *tx) takeBack(ctx context.Context) {
	groups := make(map[string]bool)
	for _, m := range t.places {
		groups[groupOf(m.subject)] = true
	}
	var purges []purge
	for filter := range groups {
		purges = append(purges, purge{Filter: filter})
	}
	_ = t.s.purge(ctx, purges) // Claim and Replay find what is left
}

// changed returns the entries to write, and what goes with them. Of a batch for which there
// is no room the server writes the front (see happened), so the registry is the last: it
// says how far a job came with the people.
func (t *tx) changed() (messages []message, err error) {
	newcomers := false
	for _, key := range t.order {
		p := t.people[key]
		p.purgeIfEmpty()
		if !p.dirty {
			continue
		}
		data, err := p.encode()
		if err != nil {
			return nil, err
		}
		m := message{subject: t.s.person(key), data: data, checked: true, rev: p.rev}
		if p.empty() {
			t.emptied = append(t.emptied, m.subject)
		}
		messages = append(messages, m)
		newcomers = newcomers || p.kept && !p.known
	}
	if t.enrols {
		messages = append(messages, message{subject: t.s.lastEnrolment()})
	}
	if t.enrolled {
		data, err := json.Marshal(t.registry)
		if err != nil {
			return nil, err
		}
		messages = append(messages, message{subject: t.s.prefix + backendsToken, data: data, checked: true, rev: t.registry.rev})
	}
	if newcomers || t.owes && !t.enrolled {
		messages = append(messages, t.s.guard(t.registry))
	}
	return messages, nil
}

// clean removes places that are left, and what is kept of people who are gone, up to
// the last sequence of the transaction. What stays of it when that fails says
// nothing and is passed over by readers, but the subject of somebody who is gone
// still is their Key.
func (t *tx) clean(ctx context.Context, last uint64) error {
	t.s.note(t.noted)
	err := t.purge(ctx, last)
	t.s.sweepLater(ctx, t.marks, t.left)
	return err
}

func (t *tx) purge(ctx context.Context, last uint64) error {
	ctx, cancel := outlasting(ctx, patience)
	defer cancel()
	_ = t.s.purge(ctx, t.single) // Claim and Replay find the others
	var marks, purges []purge
	for _, key := range t.erased {
		places, gone := t.s.traces(key)
		marks = append(marks, purge{Filter: gone, Before: t.floor + 1})
		purges = append(purges, purge{Filter: places, Before: t.floor + 1})
	}
	for _, subject := range t.emptied {
		purges = append(purges, purge{Filter: subject, Before: last + 1})
	}
	if err := t.s.purge(ctx, marks); err != nil { // before the places, since one alone would hide another place
		return err
	}
	return t.s.purge(ctx, purges)
}
