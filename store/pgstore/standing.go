package pgstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-go/rollcall/store"
)

// standingColumns are in the order of standingRows.args and of eachStanding. The key is
// the first three.
var standingColumns = []column{
	{"channel", "text[]", ""}, {"user_id", "text[]", ""}, {"backend", "text[]", ""}, {"state", "text[]", ""},
	{"version", "bigint[]", ""}, {"fields", "text[]", ""}, {"whole", "boolean[]", ""}, {"erase", "boolean[]", ""},
	{"bulk", "boolean[]", ""}, {"due", "timestamptz[]", ""}, {"token", "bigint[]", ""}, {"touched", "boolean[]", ""},
	{"attempts", "bigint[]", ""}, {"reason", "text[]", ""}, {"remote", "text[]", ""},
}

const (
	standingList = `s.channel, s.user_id, s.backend, s.state, s.version, s.fields, s.whole, s.erase, s.bulk, s.due, s.token, s.touched,
		s.attempts, s.reason, s.remote, ` + tid
	dropStandingSQL = `DELETE FROM rollcall.standings WHERE channel = $1 AND user_id = $2 AND backend = $3`
)

var (
	standingsOfSQL, standingsOfPlain = lookup{columns: standingList, table: "standings"}.texts()
	// Where no backend is enrolled there is nothing to be found.
	lockStandingsSQL, lockStandingsPlain = lookup{
		columns: standingList, table: "standings", order: "s.backend", lock: true, guard: " WHERE EXISTS (SELECT 1 FROM rollcall.backends)",
	}.texts()
	lockStandingsWithSQL, lockStandingsWithPlain = lookup{
		columns: standingList, table: "standings", condition: " AND s.backend = $3", lock: true,
	}.texts()
	insertStandingsSQL                       = insertText("standings", standingColumns, "", "")
	updateStandingsSQL, updateStandingsPlain = updateTexts("standings", standingColumns[:3], standingColumns[3:])
)

const noFields = "[]"

// unreadable is the reason of dead letters of what is damaged in the database.
const unreadable = "what is kept of the person cannot be read"

// standings are those that a transaction has locked, or is about to create.
type standings struct {
	kept    map[place]store.Standing
	tids    map[place]string // of kept, where their rows lie
	changed map[place]store.Standing
}

func newStandings() *standings {
	return &standings{kept: make(map[place]store.Standing), tids: make(map[place]string)}
}

// keep adds one that is locked.
func (st *standings) keep(s store.Standing, tid string) {
	at := place{s.Key, s.Backend}
	st.kept[at], st.tids[at] = s, tid
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
	st := newStandings()
	tx.queue(text, args...).Query(func(rows pgx.Rows) error {
		return eachStanding(rows, func(s store.Standing, tid string, _ error) error {
			st.keep(s, tid)
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
		if tid, found := st.tids[place{s.Key, s.Backend}]; found {
			rows = &update
			rows.tid = append(rows.tid, tid)
		}
		if err := rows.add(s); err != nil {
			return err
		}
	}
	if len(insert.backend) > 0 {
		tx.queue(insertStandingsSQL, insert.args()...)
	}
	if len(update.backend) > 0 {
		args := update.args()
		tx.change(updateStandingsSQL, update.tid, args[:3:3], args[3:])
	}
	return nil
}

// standingRows are rows of the table standings, column by column.
type standingRows struct {
	tid                                                     []string // of those that are there
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

// eachStanding calls each for every row of a query for standingList, with an error
// that wraps ErrCorrupt for a row that makes no sense and was repaired.
func eachStanding(rows pgx.Rows, each func(s store.Standing, tid string, err error) error) error {
	var s store.Standing
	var fields, tid string
	_, err := pgx.ForEachRow(rows, []any{
		&s.Key.Channel, &s.Key.UserID, &s.Backend, &s.State, &s.Version, &fields, &s.All, &s.Erase,
		&s.Bulk, &s.Due, &s.Token, &s.Touched, &s.Attempts, &s.Reason, &s.Remote, &tid,
	}, func() error {
		s := s
		s.Due, s.Fields = s.Due.UTC(), nil
		if !s.State.Known() {
			return each(repaired(s), tid, fmt.Errorf("%w: the standing of %s with %q has an unknown state", ErrCorrupt, s.Key, s.Backend))
		}
		if fields != noFields && (json.Unmarshal([]byte(fields), &s.Fields) != nil || !slices.IsSorted(s.Fields)) {
			return each(repaired(s), tid, fmt.Errorf("%w: the standing of %s with %q has no list of fields", ErrCorrupt, s.Key, s.Backend))
		}
		return each(s, tid, nil)
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
