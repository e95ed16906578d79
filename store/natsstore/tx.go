package natsstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A tx is one attempt to read people, change them and write them back, all or
// none, as long as nobody else wrote one of them meanwhile.
type tx struct {
	s        *Store
	now      time.Time
	registry registry
	enrolled bool // the registry was changed
	people   map[store.Key]*person
	order    []store.Key
	places   []message // new ones
	left     []purge   // places where a standing is not any more
	emptied  []string  // people of whom nothing is kept any more
}

type person struct {
	entry
	rev   uint64
	tx    string // who wrote it
	dirty bool
	// leftovers says that there were standings of backends that were withdrawn.
	leftovers bool
}

// update runs change on the people of keys until what it did is committed, and
// returns the result of that time. It may call it several times, each time with
// what is kept by then; so change has no effect but on the tx.
func update[T any](ctx context.Context, s *Store, keys []store.Key, change func(t *tx) (T, error)) (result T, err error) {
	unanswered := make(map[string]*tx) // those of which nobody knows whether they happened
	results := make(map[*tx]T)
	err = retry(ctx, func() error {
		if err := s.usable(ctx); err != nil {
			return err
		}
		t, err := s.begin(ctx, keys)
		if err != nil {
			return err
		}
		if earlier, last := t.happened(unanswered); earlier != nil {
			result = results[earlier]
			return earlier.clean(ctx, last)
		}
		if result, err = change(t); err != nil {
			return err
		}
		id := rand.Text()
		err = t.commit(ctx, id)
		if errors.Is(err, errUnanswered) {
			unanswered[id], results[t] = t, result
		}
		return err
	})
	return result, err
}

// update is the function of this name for what has no result.
func (s *Store) update(ctx context.Context, keys []store.Key, change func(t *tx) error) error {
	_, err := update(ctx, s, keys, func(t *tx) (struct{}, error) { return struct{}{}, change(t) })
	return err
}

// backends reads which are enrolled.
func (s *Store) backends(ctx context.Context) (registry, error) {
	return update(ctx, s, nil, func(t *tx) (registry, error) { return t.registry, nil })
}

// happened returns the one of the transactions that wrote what t has read, and
// the last sequence of it that is still there.
func (t *tx) happened(transactions map[string]*tx) (earlier *tx, last uint64) {
	if wrote := transactions[t.registry.tx]; wrote != nil {
		earlier, last = wrote, t.registry.rev
	}
	for _, p := range t.people {
		if wrote := transactions[p.tx]; wrote != nil {
			earlier, last = wrote, max(last, p.rev)
		}
	}
	return earlier, last
}

// begin reads people and the backends.
func (s *Store) begin(ctx context.Context, keys []store.Key) (*tx, error) {
	t := &tx{s: s, now: time.Now(), people: make(map[store.Key]*person, len(keys))}
	for _, key := range keys {
		if t.people[key] == nil {
			t.people[key] = &person{entry: entry{key: key}}
			t.order = append(t.order, key)
		}
	}
	rest := t.order
	for first := true; first || len(rest) > 0; first = false {
		n := min(readSize, len(rest))
		registry, err := s.read(ctx, rest[:n], t.people)
		if err != nil {
			return nil, err
		}
		if !first && registry.rev != t.registry.rev {
			return nil, errConflict
		}
		t.registry = registry
		rest = rest[n:]
	}
	for _, p := range t.people {
		p.find(t.registry, p.rev)
		n := len(p.standings)
		p.withoutLeftovers(t.registry)
		p.leftovers = len(p.standings) < n
	}
	return t, nil
}

// read fills in people, and returns the registry of the same moment.
func (s *Store) read(ctx context.Context, keys []store.Key, people map[store.Key]*person) (registry, error) {
	subjects := []string{s.prefix + backendsToken}
	for _, key := range keys {
		subjects = append(subjects, s.person(key))
	}
	got, err := s.lasts(ctx, subjects)
	if err != nil {
		return registry{}, err
	}
	for i, key := range keys {
		m, found := got[subjects[i+1]]
		if !found {
			continue
		}
		people[key] = &person{entry: decodeEntry(key, m.data), rev: m.seq, tx: m.tx}
	}
	return decodeRegistry(got[subjects[0]])
}

// backend returns an enrolled backend.
func (t *tx) backend(name string) (enrolment, error) {
	e, ok := t.registry.Backends[name]
	if !ok {
		return enrolment{}, errNotEnrolled
	}
	return e, nil
}

// put keeps st of p, where it is found by what it says.
func (t *tx) put(p *person, st store.Standing) {
	i := slices.IndexFunc(p.standings, func(o standing) bool { return o.Backend == st.Backend })
	if i < 0 {
		i = len(p.standings)
		p.standings = append(p.standings, standing{number: t.registry.Backends[st.Backend].Number})
	}
	old := &p.standings[i]
	old.Standing, old.repaired = st, false
	if !old.place.fits(st) {
		t.move(p.key, old)
	}
	p.dirty = true
}

// move gives st a new place, or none.
func (t *tx) move(key store.Key, st *standing) {
	if st.place != "" {
		t.left = append(t.left, purge{Filter: t.s.at(st.Backend, st.number, st.place, key)})
	}
	st.place = ""
	if l, ok := laneOf(st.Standing); ok {
		st.place = newPlace(l, st.Due.UnixMilli(), mathrand.Uint32())
		t.places = append(t.places, message{subject: t.s.at(st.Backend, st.number, st.place, key)})
	}
}

func laneOf(st store.Standing) (lane, bool) {
	switch {
	case st.State == store.StateDead:
		return laneDead, true
	case st.State != store.StateOwed:
		return "", false
	case st.Bulk:
		return laneBulk, true
	}
	return laneLive, true
}

// fits reports whether st is found at p. A claim leaves it where it was, so that
// it is found again when the claim has run out.
func (p place) fits(st store.Standing) bool {
	l, somewhere := laneOf(st)
	if p == "" || !somewhere {
		return p == "" && !somewhere
	}
	due, _ := p.due()
	return p.lane() == l && (l == laneDead || st.Token != 0 || due == st.Due.UnixMilli())
}

// drop forgets how p stands with a backend.
func (t *tx) drop(p *person, backend string) {
	p.standings = slices.DeleteFunc(p.standings, func(st standing) bool {
		if st.Backend != backend {
			return false
		}
		if st.place != "" {
			t.left = append(t.left, purge{Filter: t.s.at(backend, st.number, st.place, p.key)})
		}
		return true
	})
	p.dirty = true
}

// commit writes what changed.
func (t *tx) commit(ctx context.Context, id string) error {
	messages := t.places
	if t.enrolled {
		data, err := json.Marshal(t.registry)
		if err != nil {
			return err
		}
		messages = append(messages, message{subject: t.s.prefix + backendsToken, data: data, checked: true, rev: t.registry.rev})
	}
	for _, key := range t.order {
		p := t.people[key]
		if !p.dirty {
			continue
		}
		data, err := p.encode()
		if err != nil {
			return err
		}
		m := message{subject: t.s.person(key), data: data, checked: true, rev: p.rev}
		if p.empty() {
			t.emptied = append(t.emptied, m.subject)
		}
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		return nil
	}
	seq, err := t.s.commit(ctx, id, messages)
	if err != nil {
		return err
	}
	return t.clean(ctx, seq)
}

// clean removes places that are left, and people of whom nothing is kept, up to
// the last sequence of the transaction. What stays of it when that fails says
// nothing and is passed over by readers, but the subject of somebody who is gone
// still is their Key.
func (t *tx) clean(ctx context.Context, last uint64) error {
	ctx = context.WithoutCancel(ctx)
	_ = t.s.purge(ctx, t.left) // Claim and Replay find the others
	purges := make([]purge, len(t.emptied))
	for i, subject := range t.emptied {
		purges[i] = purge{Filter: subject, Before: last + 1}
	}
	return t.s.purge(ctx, purges)
}
