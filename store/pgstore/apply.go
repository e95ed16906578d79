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

	// Everybody locks people before standings, and both in the order of keys, so
	// that nobody waits in a circle.
	lockPeopleSQL = `SELECT p.channel, p.user_id, p.forgotten, p.record
		FROM unnest($1::text[], $2::text[]) AS k (channel, user_id)
		JOIN rollcall.people AS p ON p.channel = k.channel AND p.user_id = k.user_id
		ORDER BY p.channel, p.user_id FOR UPDATE OF p`
)

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
}

func apply(ctx context.Context, tx *transaction, deltas []store.Record) ([]store.Change, error) {
	order := make([]int, len(deltas)) // by key
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return deltas[a].Key.Compare(deltas[b].Key) })
	keys := make([]store.Key, len(order))
	for i, at := range order {
		keys[i] = deltas[at].Key
	}
	held, err := tx.hold(ctx, slices.Compact(keys))
	if err != nil {
		return nil, err
	}

	changes := make([]store.Change, len(deltas))
	var created, changed personRows
	for len(order) > 0 {
		key := deltas[order[0]].Key
		n := 1
		for n < len(order) && deltas[order[n]].Key == key {
			n++
		}
		if err := applyTo(held.people[key], deltas, changes, order[:n], &created, &changed); err != nil {
			return nil, err
		}
		if len(held.backends) > 0 {
			held.standings.owe(held.backends, key, changes, order[:n], held.now)
		}
		order = order[n:]
	}
	if created.len() > 0 {
		tx.queue(insertPeopleSQL, created.args()...)
	}
	if changed.len() > 0 {
		tx.queue(updatePeopleSQL, changed.args()...)
	}
	return changes, tx.putStandings(held.standings)
}

// held is what a transaction has locked to change people.
type held struct {
	now       time.Time
	backends  []string // the enrolled ones
	people    map[store.Key]person
	standings *standings
}

// hold locks and reads all that is held of these people, who are sorted by key.
func (tx *transaction) hold(ctx context.Context, keys []store.Key) (*held, error) {
	h := &held{people: make(map[store.Key]person, len(keys))}
	tx.queued.Queue(gateSharedSQL, tx.s.gate)
	tx.clock(&h.now)
	tx.queue(enrolledSQL).Query(func(rows pgx.Rows) (err error) {
		h.backends, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	channels, userIDs := split(keys)
	tx.queue(lockPeopleSQL, channels, userIDs).Query(func(rows pgx.Rows) error { return eachPerson(rows, h.people) })
	h.standings = tx.lockStandings(lockStandingsSQL, channels, userIDs)
	return h, tx.send(ctx)
}

// eachPerson reads the rows of a query for channel, user_id, forgotten and record.
func eachPerson(rows pgx.Rows, people map[store.Key]person) error {
	var key store.Key
	var p person
	_, err := pgx.ForEachRow(rows, []any{&key.Channel, &key.UserID, &p.forgotten, &p.blob}, func() error {
		people[key] = p
		p.blob = nil
		return nil
	})
	return err
}

// applyTo joins the deltas with these indexes, which are of one person, to what is
// kept of them. What is to be written goes to created or changed.
func applyTo(kept person, deltas []store.Record, changes []store.Change, indexes []int, created, changed *personRows) error {
	if kept.forgotten {
		for _, i := range indexes {
			changes[i] = store.Change{Suppressed: true}
		}
		return nil
	}
	var r store.Record
	write := created
	if kept.blob != nil {
		var err error
		if r, err = decode(kept.blob, deltas[indexes[0]].Key); err != nil {
			return err
		}
		write = changed
	}
	same := true
	for _, i := range indexes {
		r, changes[i] = r.Apply(deltas[i])
		same = same && changes[i].Same
	}
	if same {
		return nil
	}
	return write.add(r, &changes[indexes[len(indexes)-1]].Profile)
}

// split returns keys as the two arrays that statements take.
func split(keys []store.Key) (channels, userIDs []string) {
	channels, userIDs = make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		channels[i], userIDs[i] = key.Channel, key.UserID
	}
	return channels, userIDs
}
