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

// A standingRow is one row of the table standings, as the driver gives it.
type standingRow [15]driver.Value

// owe makes the changes with these indexes, which are of one person, owed to the
// backends.
func owe(w *conn, backends []string, key store.Key, changes []store.Change, indexes []int, now time.Time) error {
	if !slices.ContainsFunc(indexes, func(i int) bool { return changes[i].Owes() }) {
		return nil
	}
	kept, err := standingsOf(w, key)
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

// disown makes the person to be erased wherever something may be of them. What is
// damaged does not keep anybody from being forgotten: it is taken to be there.
func disown(w *conn, key store.Key, now time.Time) error {
	var kept []store.Standing
	var row standingRow
	err := w.rows(selectStandingsSQL, row[:], func() error {
		s, err := row.standing()
		if err != nil {
			s.State, s.Touched = store.StateDelivered, true
		}
		kept = append(kept, s)
		return nil
	}, key.Channel, key.UserID)
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

// standingsOf returns those of one person, with all backends.
func standingsOf(w *conn, key store.Key) ([]store.Standing, error) {
	return selectStandings(w, selectStandingsSQL, key.Channel, key.UserID)
}

// standingWith returns that of one person with one backend, if there is one.
func standingWith(w *conn, backend string, key store.Key) (s store.Standing, found bool, err error) {
	var row standingRow
	found, err = w.row(selectStandingSQL, row[:], key.Channel, key.UserID, backend)
	if err == nil && found {
		s, err = row.standing()
	}
	return s, found, err
}

func selectStandings(w *conn, query string, args ...driver.Value) ([]store.Standing, error) {
	var standings []store.Standing
	var row standingRow
	err := w.rows(query, row[:], func() error {
		s, err := row.standing()
		standings = append(standings, s)
		return err
	}, args...)
	return standings, err
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

// standing reads a row. Its error wraps ErrCorrupt, and the Standing then has its
// Backend and Key all the same.
func (row *standingRow) standing() (store.Standing, error) {
	text := func(i int) string { t, _ := row[i].(string); return t }
	number := func(i int) int64 { n, _ := row[i].(int64); return n }
	s := store.Standing{Backend: text(0), Key: store.Key{Channel: text(1), UserID: text(2)}}
	state, fields := store.State(text(3)), []store.Field(nil)
	switch state {
	case store.StateOwed, store.StateDelivered, store.StateDead, store.StateErased, store.StateUnerasable:
	default:
		return s, fmt.Errorf("%w: the standing of %s with %q has an unknown state", ErrCorrupt, s.Key, s.Backend)
	}
	if list := text(5); list != noFields {
		if json.Unmarshal([]byte(list), &fields) != nil || !slices.IsSorted(fields) {
			return s, fmt.Errorf("%w: the standing of %s with %q has no list of fields", ErrCorrupt, s.Key, s.Backend)
		}
	}
	for _, i := range []int{6, 7, 8, 11} {
		if n := number(i); n != 0 && n != 1 {
			return s, fmt.Errorf("%w: the standing of %s with %q has a flag of %d", ErrCorrupt, s.Key, s.Backend, n)
		}
	}
	s.State, s.Version, s.Fields = state, number(4), fields
	s.All, s.Erase, s.Bulk = number(6) == 1, number(7) == 1, number(8) == 1
	s.Due, s.Token, s.Touched = time.UnixMilli(number(9)).UTC(), number(10), number(11) == 1
	s.Attempts, s.Reason, s.Remote = int(number(12)), text(13), text(14)
	return s, nil
}
