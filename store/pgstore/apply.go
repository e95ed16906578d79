package pgstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-go/rollcall/store"
)

const (
	enrolledSQL = `SELECT name FROM rollcall.backends WHERE job <> 'withdraw' ORDER BY name`

	personList = "s.channel, s.user_id, s.forgotten, s.record, " + tid
)

// Everybody locks people before standings, and both in the order of keys, so that
// nobody waits in a circle. But nobody can lock who is not there: where somebody who is
// gone is made again while they are forgotten, or imported, Postgres ends one of two
// transactions, which is tried again.
var lockPeopleSQL, lockPeoplePlain = lookup{columns: personList, table: "people", lock: true}.texts()

// Apply implements [store.Store]. All deltas go into one transaction of two round
// trips, and people are locked meanwhile: hand over about 500 at a time.
//
// Where the connection breaks while the server commits, the error wraps
// store.ErrUnavailable and the deltas may have been saved all the same. To apply
// them again is harmless, since merging is idempotent; but a person whom the lost
// commit created is then not reported as Created.
func (s *Store) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	for i, d := range deltas {
		if err := d.Key.Validate(); err != nil {
			return nil, fmt.Errorf("pgstore: apply: delta %d: %w", i, err)
		}
	}
	var changes []store.Change
	err := s.usable(ctx)
	if err == nil && len(deltas) > 0 {
		err = s.transact(ctx, func(tx *transaction) (err error) {
			changes, err = apply(ctx, tx, deltas)
			return err
		})
	}
	if err != nil {
		return nil, s.fail(ctx, "apply", err)
	}
	return changes, nil
}

// A person is what the tables hold of one key.
type person struct {
	forgotten bool
	blob      []byte // nil for nobody
	tid       string // where the row lies
}

func apply(ctx context.Context, tx *transaction, deltas []store.Record) ([]store.Change, error) {
	j := newJoining(deltas)
	// Who is there is joined while the server looks for the next: it takes long
	// enough for that.
	next := 0
	held, err := tx.hold(ctx, j.keys, func(key store.Key, p person) error {
		for ; next < len(j.keys) && j.keys[next] != key; next++ {
			if err := j.join(next, person{}); err != nil {
				return err
			}
		}
		if next == len(j.keys) {
			return fmt.Errorf("%w: the server's order of keys is another one", ErrCorrupt)
		}
		next++
		return j.join(next-1, p)
	})
	for ; err == nil && next < len(j.keys); next++ {
		err = j.join(next, person{})
	}
	if err != nil {
		return nil, err
	}
	if len(held.backends) > 0 {
		for i, key := range j.keys {
			held.standings.owe(held.backends, key, j.changes, j.of[i], held.now)
		}
	}
	tx.writePeople(&j.created, &j.changed, j.width)
	return j.changes, tx.putStandings(held.standings)
}

// A joining is one Apply, person by person.
type joining struct {
	deltas  []store.Record
	changes []store.Change
	keys    []store.Key // sorted
	of      [][]int     // the indexes of each key's deltas

	created, changed personRows
	width            width // of changed
}

func newJoining(deltas []store.Record) *joining {
	order := make([]int, len(deltas)) // by key
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return deltas[a].Key.Compare(deltas[b].Key) })
	j := &joining{deltas: deltas, changes: make([]store.Change, len(deltas))}
	for len(order) > 0 {
		key, n := deltas[order[0]].Key, 1
		for n < len(order) && deltas[order[n]].Key == key {
			n++
		}
		j.keys, j.of, order = append(j.keys, key), append(j.of, order[:n]), order[n:]
	}
	return j
}

// join joins the deltas of key i to what is kept of the person.
func (j *joining) join(i int, kept person) error {
	if kept.forgotten {
		for _, at := range j.of[i] {
			j.changes[at] = store.Change{Suppressed: true}
		}
		return nil
	}
	var r store.Record
	write := &j.created
	if kept.blob != nil {
		var err error
		if r, err = decode(kept.blob, j.keys[i]); err != nil {
			return err
		}
		write = &j.changed
	}
	same, w := true, seen
	var p *store.Profile
	for _, at := range j.of[i] {
		change := &j.changes[at]
		r, *change = r.Apply(j.deltas[at])
		same, w, p = same && change.Same, max(w, widthOf(change.Fields)), &change.Profile
	}
	if same {
		return nil
	}
	if kept.blob != nil {
		write.tid, j.width = append(write.tid, kept.tid), max(j.width, w)
	}
	return write.add(r, p)
}

// held is what a transaction has locked to change people.
type held struct {
	now       time.Time
	backends  []string // the enrolled ones
	standings *standings
}

// hold locks all that is held of these people, who are sorted by key, and calls found
// for each who is there, in that order.
func (tx *transaction) hold(ctx context.Context, keys []store.Key, found func(key store.Key, p person) error) (*held, error) {
	h := &held{}
	tx.passGate(gateSharedSQL)
	tx.clock(&h.now)
	tx.queue(enrolledSQL).Query(func(rows pgx.Rows) (err error) {
		h.backends, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	tx.lockPeople(keys, found)
	channels, userIDs := split(keys)
	h.standings = tx.lockStandings(lockStandingsSQL, channels, userIDs)
	return h, tx.send(ctx)
}

// lockPeople queues to lock people, who are sorted by key, and to call found for each
// who is there, in that order.
func (tx *transaction) lockPeople(keys []store.Key, found func(key store.Key, p person) error) {
	channels, userIDs := split(keys)
	tx.queue(lockPeopleSQL, channels, userIDs).Query(func(rows pgx.Rows) error { return eachPerson(rows, found) })
}

// eachPerson reads the rows of a query for personList.
func eachPerson(rows pgx.Rows, each func(key store.Key, p person) error) error {
	var key store.Key
	var p person
	_, err := pgx.ForEachRow(rows, []any{&key.Channel, &key.UserID, &p.forgotten, &p.blob, &p.tid}, func() error {
		err := each(key, p)
		p.blob = nil
		return err
	})
	return err
}

// collect returns a function that puts people into a map.
func collect(people map[store.Key]person) func(key store.Key, p person) error {
	return func(key store.Key, p person) error {
		people[key] = p
		return nil
	}
}

// split returns keys as the two arrays that statements take.
func split(keys []store.Key) (channels, userIDs []string) {
	channels, userIDs = make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		channels[i], userIDs[i] = key.Channel, key.UserID
	}
	return channels, userIDs
}
