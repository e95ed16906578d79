package pgstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-go/rollcall/store"
)

// standingColumns are in the order of standingRows.args and of scanStanding.
var standingColumns = []column{
	{"channel", "text[]", ""}, {"user_id", "text[]", ""}, {"backend", "text[]", ""}, {"state", "text[]", ""},
	{"version", "bigint[]", ""}, {"fields", "text[]", ""}, {"whole", "boolean[]", ""}, {"erase", "boolean[]", ""},
	{"bulk", "boolean[]", ""}, {"due", "timestamptz[]", ""}, {"token", "bigint[]", ""}, {"touched", "boolean[]", ""},
	{"attempts", "bigint[]", ""}, {"reason", "text[]", ""}, {"remote", "text[]", ""},
}

const (
	standingList = `s.channel, s.user_id, s.backend, s.state, s.version, s.fields, s.whole, s.erase, s.bulk, s.due, s.token, s.touched,
		s.attempts, s.reason, s.remote`
	standingsOfSQL = `SELECT ` + standingList + ` FROM unnest($1::text[], $2::text[]) AS k (channel, user_id)
		JOIN rollcall.standings AS s ON s.channel = k.channel AND s.user_id = k.user_id`
	lockStandingsSQL     = standingsOfSQL + ` ORDER BY s.channel, s.user_id, s.backend FOR UPDATE OF s`
	lockStandingsWithSQL = `SELECT ` + standingList + ` FROM ` + keysWithSQL + ` JOIN rollcall.standings AS s
		ON s.channel = k.channel AND s.user_id = k.user_id AND s.backend = k.backend ORDER BY s.channel, s.user_id FOR UPDATE OF s`
	// keysWithSQL are keys with one backend. Without the OFFSET a plan that was made
	// while the table was small, and which is kept for a minute or more, would go
	// through all of the backend's rows to find those of the keys.
	keysWithSQL     = `(SELECT u.channel, u.user_id, $3::text AS backend FROM unnest($1::text[], $2::text[]) AS u (channel, user_id) OFFSET 0) AS k`
	dropStandingSQL = `DELETE FROM rollcall.standings WHERE channel = $1 AND user_id = $2 AND backend = $3`
)

const noFields = "[]"

// unreadable is the reason of dead letters of what is damaged in the database.
const unreadable = "what is kept of the person cannot be read"

// standings are those that a transaction has locked, or is about to create.
type standings struct {
	kept    map[place]store.Standing
	changed map[place]store.Standing
}

// A place is what names a standing.
type place struct {
	key     store.Key
	backend string
}

// at returns the standing at a place, which may be a new one.
func (st *standings) at(p place) (s store.Standing, found bool) {
	if s, found = st.changed[p]; found {
		return s, true
	}
	if s, found = st.kept[p]; found {
		return s, true
	}
	return store.Standing{Backend: p.backend, Key: p.key}, false
}

func (st *standings) put(s store.Standing) {
	if st.changed == nil {
		st.changed = make(map[place]store.Standing)
	}
	st.changed[place{s.Key, s.Backend}] = s
}

// owe makes the changes with these indexes, which are of one person, owed to the
// backends.
func (st *standings) owe(backends []string, key store.Key, changes []store.Change, indexes []int, now time.Time) {
	if !slices.ContainsFunc(indexes, func(i int) bool { return changes[i].Owes() }) {
		return
	}
	for _, backend := range backends {
		s, _ := st.at(place{key, backend})
		for _, i := range indexes {
			if changes[i].Owes() {
				s = s.Changed(changes[i].Fields, now)
			}
		}
		st.put(s)
	}
}

// lockStandings queues to lock and read standings, of which those that are damaged
// are repaired: one must not stop what is done with many. They are there after the
// next send.
func (tx *transaction) lockStandings(text string, args ...any) *standings {
	st := &standings{kept: make(map[place]store.Standing)}
	tx.queue(text, args...).Query(func(rows pgx.Rows) error {
		return eachStanding(rows, func(s store.Standing, _ error) error {
			st.kept[place{s.Key, s.Backend}] = s
			return nil
		})
	})
	return st
}

// disown makes a person to be erased wherever something may be of them.
func (tx *transaction) disown(st *standings, now time.Time) error {
	for p, s := range st.kept {
		if forgotten, keep := s.Forgotten(now); keep {
			st.put(forgotten)
		} else {
			tx.queue(dropStandingSQL, p.key.Channel, p.key.UserID, p.backend)
		}
	}
	return tx.putStandings(st)
}

// putStandings queues to write what changed.
func (tx *transaction) putStandings(st *standings) error {
	changed := make([]store.Standing, 0, len(st.changed))
	for _, s := range st.changed {
		changed = append(changed, s)
	}
	slices.SortFunc(changed, func(a, b store.Standing) int {
		if c := a.Key.Compare(b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.Backend, b.Backend)
	})
	var insert, update standingRows
	for _, s := range changed {
		rows := &insert
		if _, found := st.kept[place{s.Key, s.Backend}]; found {
			rows = &update
		}
		if err := rows.add(s); err != nil {
			return err
		}
	}
	if len(insert.backend) > 0 {
		tx.queue(insertStandingsSQL, insert.args()...)
	}
	if len(update.backend) > 0 {
		tx.queue(updateStandingsSQL, update.args()...)
	}
	return nil
}

// standingRows are rows of the table standings, column by column.
type standingRows struct {
	channel, userID, backend, state, fields, reason, remote []string
	version, token, attempts                                []int64
	whole, erase, bulk, touched                             []bool
	due                                                     []time.Time
}

func (rows *standingRows) add(s store.Standing) error {
	fields := noFields
	if len(s.Fields) > 0 {
		b, err := json.Marshal(s.Fields)
		if err != nil {
			return err
		}
		fields = string(b)
	}
	rows.channel, rows.userID = append(rows.channel, s.Key.Channel), append(rows.userID, s.Key.UserID)
	rows.backend, rows.state = append(rows.backend, s.Backend), append(rows.state, string(s.State))
	rows.version, rows.fields = append(rows.version, s.Version), append(rows.fields, fields)
	rows.whole, rows.erase, rows.bulk = append(rows.whole, s.All), append(rows.erase, s.Erase), append(rows.bulk, s.Bulk)
	rows.due, rows.token, rows.touched = append(rows.due, s.Due), append(rows.token, s.Token), append(rows.touched, s.Touched)
	rows.attempts = append(rows.attempts, int64(s.Attempts))
	rows.reason, rows.remote = append(rows.reason, s.Reason), append(rows.remote, s.Remote)
	return nil
}

func (rows *standingRows) args() []any {
	return []any{
		rows.channel, rows.userID, rows.backend, rows.state, rows.version, rows.fields, rows.whole, rows.erase,
		rows.bulk, rows.due, rows.token, rows.touched, rows.attempts, rows.reason, rows.remote,
	}
}

var insertStandingsSQL, updateStandingsSQL = func() (insert, update string) {
	var names, params, set []string
	for i, c := range standingColumns {
		names = append(names, c.name)
		params = append(params, "$"+strconv.Itoa(i+1)+"::"+c.array)
		if i > 2 {
			set = append(set, c.name+" = n."+c.name)
		}
	}
	list := strings.Join(names, ", ")
	from := " FROM unnest(" + strings.Join(params, ", ") + ") AS n (" + list + ")"
	return "INSERT INTO rollcall.standings (" + list + ") SELECT " + list + from,
		"UPDATE rollcall.standings AS s SET " + strings.Join(set, ", ") + from +
			" WHERE s.channel = n.channel AND s.user_id = n.user_id AND s.backend = n.backend"
}()

// eachStanding calls each for every row of a query for standingList, with an error
// that wraps ErrCorrupt for a row that makes no sense and was repaired.
func eachStanding(rows pgx.Rows, each func(s store.Standing, err error) error) error {
	var s store.Standing
	var fields string
	_, err := pgx.ForEachRow(rows, []any{
		&s.Key.Channel, &s.Key.UserID, &s.Backend, &s.State, &s.Version, &fields, &s.All, &s.Erase,
		&s.Bulk, &s.Due, &s.Token, &s.Touched, &s.Attempts, &s.Reason, &s.Remote,
	}, func() error {
		s := s
		s.Due, s.Fields = s.Due.UTC(), nil
		if !s.State.Known() {
			return each(repaired(s), fmt.Errorf("%w: the standing of %s with %q has an unknown state", ErrCorrupt, s.Key, s.Backend))
		}
		if fields != noFields && (json.Unmarshal([]byte(fields), &s.Fields) != nil || !slices.IsSorted(s.Fields)) {
			return each(repaired(s), fmt.Errorf("%w: the standing of %s with %q has no list of fields", ErrCorrupt, s.Key, s.Backend))
		}
		return each(s, nil)
	})
	return err
}

// repaired takes a damaged standing for what it may have been at the worst: the
// backend may hold the person, and is owed all of them.
func repaired(s store.Standing) store.Standing {
	s.Touched, s.All, s.Fields = true, s.All || !s.Erase, nil
	if !s.State.Known() {
		s.State, s.Reason = store.StateDead, unreadable
	}
	return s
}

// letDie makes a dead letter of s without handing it out.
func letDie(s store.Standing, now time.Time) store.Standing {
	dead := s.Claimed(1, now, 0).Settled(store.Settlement{Token: 1, Version: s.Version, Verdict: store.VerdictDead, Reason: unreadable}, now)
	dead.Touched = s.Touched
	return dead
}
