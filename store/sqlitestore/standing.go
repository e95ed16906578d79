package sqlitestore

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// standingColumns are in the order of the fields of a standingRow.
const standingColumns = "backend, channel, user_id, state, version, fields, whole, erase, bulk, due, token, touched, attempts, reason, remote"

const (
	selectStandingsSQL = "SELECT " + standingColumns + " FROM standings WHERE channel = ? AND user_id = ?"
	selectStandingSQL  = selectStandingsSQL + " AND backend = ?"
	putStandingSQL     = "INSERT INTO standings (" + standingColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" +
		" ON CONFLICT DO UPDATE SET state = ?4, version = ?5, fields = ?6, whole = ?7, erase = ?8, bulk = ?9, due = ?10," +
		" token = ?11, touched = ?12, attempts = ?13, reason = ?14, remote = ?15"
	dropStandingSQL = "DELETE FROM standings WHERE channel = ? AND user_id = ? AND backend = ?"
)

const noFields = "[]"

// unreadable is the reason of dead letters that were damaged in the file.
const unreadable = "what is kept of the person cannot be read"

// A standingRow is one row of the table standings, as the driver gives it.
type standingRow [15]driver.Value

// owe makes the changes with these indexes, which are of one person, owed to the
// backends.
func owe(w *conn, backends []string, key store.Key, changes []store.Change, indexes []int, now time.Time) error {
	if !slices.ContainsFunc(indexes, func(i int) bool { return changes[i].Owes() }) {
		return nil
	}
	kept, err := selectReadable(w, selectStandingsSQL, key.Channel, key.UserID)
	if err != nil {
		return err
	}
	for _, backend := range backends {
		s := store.Standing{Backend: backend, Key: key}
		if i := slices.IndexFunc(kept, func(s store.Standing) bool { return s.Backend == backend }); i >= 0 {
			s = kept[i]
		}
		for _, i := range indexes {
			if changes[i].Owes() {
				s = s.Changed(changes[i].Fields, now)
			}
		}
		if err := putStanding(w, s); err != nil {
			return err
		}
	}
	return nil
}

// disown makes the person to be erased wherever something may be of them.
func disown(w *conn, key store.Key, now time.Time) error {
	kept, err := selectReadable(w, selectStandingsSQL, key.Channel, key.UserID)
	if err != nil {
		return err
	}
	for _, s := range kept {
		forgotten, keep := s.Forgotten(now)
		if keep {
			err = putStanding(w, forgotten)
		} else {
			err = w.exec(dropStandingSQL, key.Channel, key.UserID, s.Backend)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// standingWith returns that of one person with one backend, if there is one.
func standingWith(w *conn, backend string, key store.Key) (s store.Standing, found bool, err error) {
	standings, err := selectReadable(w, selectStandingSQL, key.Channel, key.UserID, backend)
	if err != nil || len(standings) == 0 {
		return store.Standing{}, false, err
	}
	return standings[0], true, nil
}

// selectReadable returns standings, of which those that are damaged are repaired:
// one must not stop what is done with many.
func selectReadable(w *conn, query string, args ...driver.Value) (standings []store.Standing, err error) {
	err = eachStanding(w, query, func(s store.Standing, _ error) { standings = append(standings, s) }, args...)
	return standings, err
}

// eachStanding calls each for every standing that a query returns, with an error
// for one that was damaged and is repaired.
func eachStanding(w *conn, query string, each func(s store.Standing, damaged error), args ...driver.Value) error {
	var row standingRow
	return w.rows(query, row[:], func() error {
		s, damaged := row.standing()
		if damaged != nil {
			s = row.repaired()
		}
		each(s, damaged)
		return nil
	}, args...)
}

func putStanding(w *conn, s store.Standing) error {
	fields := noFields
	if len(s.Fields) > 0 {
		b, err := json.Marshal(s.Fields)
		if err != nil {
			return err
		}
		fields = string(b)
	}
	return w.exec(putStandingSQL, s.Backend, s.Key.Channel, s.Key.UserID, string(s.State), s.Version, fields,
		flag(s.All).number, flag(s.Erase).number, flag(s.Bulk).number, s.Due.UnixMilli(), s.Token,
		flag(s.Touched).number, int64(s.Attempts), s.Reason, s.Remote)
}

// standing reads a row. Its error wraps ErrCorrupt.
func (row *standingRow) standing() (store.Standing, error) {
	s := row.readable()
	damaged := func(what string) (store.Standing, error) {
		return store.Standing{}, fmt.Errorf("%w: the standing of %s with %q has %s", ErrCorrupt, s.Key, s.Backend, what)
	}
	if !s.State.Known() {
		return damaged("an unknown state")
	}
	if list := row.text(5); list != noFields {
		if json.Unmarshal([]byte(list), &s.Fields) != nil || !slices.IsSorted(s.Fields) {
			return damaged("no list of fields")
		}
	}
	for _, i := range []int{6, 7, 8, 11} {
		if n := row.number(i); n != 0 && n != 1 {
			return damaged(fmt.Sprintf("a flag of %d", n))
		}
	}
	return s, nil
}

// repaired reads a damaged row for what it may have been at the worst: the backend
// may hold the person, and is owed all of them.
func (row *standingRow) repaired() store.Standing {
	s := row.readable()
	s.Touched = true
	s.All = s.All || !s.Erase
	if !s.State.Known() {
		s.State, s.Reason = store.StateDead, unreadable
	}
	return s
}

// readable reads all of a row that can always be read: the fields are not.
func (row *standingRow) readable() store.Standing {
	return store.Standing{
		Backend: row.text(0), Key: store.Key{Channel: row.text(1), UserID: row.text(2)},
		State: store.State(row.text(3)), Version: row.number(4),
		All: row.number(6) != 0, Erase: row.number(7) != 0, Bulk: row.number(8) != 0,
		Due: time.UnixMilli(row.number(9)).UTC(), Token: row.number(10), Touched: row.number(11) != 0,
		Attempts: int(row.number(12)), Reason: row.text(13), Remote: row.text(14),
	}
}

func (row *standingRow) text(i int) string  { t, _ := row[i].(string); return t }
func (row *standingRow) number(i int) int64 { n, _ := row[i].(int64); return n }
