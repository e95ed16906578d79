package natsstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A tx is one attempt to read people, change them and write them back, all or
// none, as long as nobody else wrote one of them meanwhile.
type tx struct {
	s        *Store
	now      time.Time
	registry registry
	token    string // of its places
	enrolled bool   // the registry was changed
	enrols   bool   // a backend was added to it, or withdrawn
	owes     bool   // somebody has a standing who had none
	doubtful bool   // an attempt before may have happened
	floor    uint64 // nothing that was read is above it
	people   map[store.Key]*person
	order    []store.Key
	places   []message // new ones
	left     []leaving
	marks    []message // of what is left
	single   []purge   // of places that have no mark
	emptied  []string  // people of whom nothing is kept any more
	erased   []store.Key
	noted    []leaving // places that may be strays
}

type person struct {
	entry
	rev   uint64
	tx    string // who wrote it
	known bool   // there was a record
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
	doubtful := false
	err = retry(ctx, func() error {
		if err := s.usable(ctx); err != nil {
			return err
		}
		t, err := s.begin(ctx, keys)
		if err != nil {
			return err
		}
		t.doubtful = doubtful
		if earlier, last := t.happened(unanswered); earlier != nil {
			result = results[earlier]
			return earlier.clean(ctx, last)
		}
		if result, err = change(t); err != nil {
			return err
		}
		id := rand.Text()
		err = t.commit(ctx, id)
		doubtful = doubtful || !errors.Is(err, errConflict)
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

// happened returns the one of the transactions that wrote what t has read, and the
// sequence of the last that it checked. The server writes a batch in order, and leaves it
// where its room ends: what was written in front proves nothing.
func (t *tx) happened(transactions map[string]*tx) (earlier *tx, last uint64) {
	for id, wrote := range transactions {
		by, seq := t.registry.tx, t.registry.rev
		if !wrote.enrolled {
			by, seq = t.writerOfLast(wrote.order, wrote.people)
		}
		if by == id {
			return wrote, seq
		}
	}
	return nil, 0
}

// writerOfLast returns who wrote the last of the people that are dirty.
func (t *tx) writerOfLast(order []store.Key, people map[store.Key]*person) (id string, seq uint64) {
	for _, key := range slices.Backward(order) {
		if people[key].dirty {
			return t.people[key].tx, t.people[key].rev
		}
	}
	return "", 0
}

// begin reads people and the backends.
func (s *Store) begin(ctx context.Context, keys []store.Key) (*tx, error) {
	t := &tx{s: s, now: time.Now(), token: fmt.Sprintf("%08x", mathrand.Uint32()), people: make(map[store.Key]*person, len(keys))}
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
	t.floor = s.floor.Load()
	for _, p := range t.people {
		p.known = p.kept
		p.find(t.registry, p.rev)
		n := len(p.standings)
		p.withoutLeftovers(t.registry)
		p.leftovers = len(p.standings) < n
	}
	return t, nil
}

// read fills in people, and returns the registry of the same moment.
func (s *Store) read(ctx context.Context, keys []store.Key, people map[store.Key]*person) (registry, error) {
	subjects := []string{s.prefix + backendsToken, s.lastEnrolment()}
	for _, key := range keys {
		subjects = append(subjects, s.person(key))
	}
	got, err := s.lasts(ctx, subjects)
	if err != nil {
		return registry{}, err
	}
	for i, key := range keys {
		m, found := got[subjects[i+2]]
		if !found {
			continue
		}
		people[key] = &person{entry: decodeEntry(key, m.data), rev: m.seq, tx: m.tx}
	}
	r, err := decodeRegistry(got[subjects[0]])
	r.enrolled = got[subjects[1]].seq
	return r, err
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
		i, t.owes = len(p.standings), true
		p.standings = append(p.standings, standing{number: t.registry.Backends[st.Backend].Number})
	}
	old := &p.standings[i]
	old.Standing = st
	if !old.place.fits(st) {
		t.move(p.key, old)
	}
	old.repaired = false
	p.dirty = true
}

// move gives st a new place, or none.
func (t *tx) move(key store.Key, st *standing) {
	t.leave(key, st)
	if l, ok := laneOf(st.Standing); ok {
		st.place = newPlace(l, st.Due.UnixMilli(), t.token)
		t.places = append(t.places, message{subject: t.s.at(st.Backend, st.number, st.place, key)})
	}
}

// leave takes st away from its place.
func (t *tx) leave(key store.Key, st *standing) {
	if st.place == "" {
		return
	}
	at := t.s.at(st.Backend, st.number, st.place, key)
	switch {
	case t.made(st.place): // not yet
		t.places = slices.DeleteFunc(t.places, func(m message) bool { return m.subject == at })
	case st.repaired: // it may never have been
		t.single = append(t.single, purge{Filter: at})
	default:
		t.left = append(t.left, leaving{backend: st.Backend, number: st.number, place: st.place, key: key})
	}
	st.place = ""
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
		t.leave(p.key, &st)
		return true
	})
	p.dirty = true
}

// eraseTraces removes what was the place of p before, or a mark, since its subject is
// the Key. What is owed gets another place.
func (t *tx) eraseTraces(p *person) {
	if t.registry.Next == 1 { // there never was a backend
		return
	}
	for i := range p.standings {
		if st := &p.standings[i]; st.place != "" && !t.made(st.place) {
			t.move(p.key, st)
			p.dirty = true
		}
	}
	t.erased = append(t.erased, p.key)
}

// made reports whether a place is one of this transaction.
func (t *tx) made(at place) bool { return strings.HasSuffix(string(at), t.token) }
