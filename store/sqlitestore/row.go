package sqlitestore

import (
	"database/sql/driver"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

const (
	selectSQL = "SELECT id, record FROM profiles WHERE channel = ? AND user_id = ?"

	addTombstoneSQL = "INSERT OR IGNORE INTO tombstones (channel, user_id) VALUES (?, ?)"
	dropProfileSQL  = "DELETE FROM profiles WHERE channel = ? AND user_id = ?"
)

// A rowWriter writes the rows of profiles. A statement names only the columns
// that change, since each value that is handed to SQLite costs: with all of them
// a batch takes a tenth longer.
type rowWriter struct {
	statements map[shape]string
	args       []driver.Value
	record     []byte
}

// A shape is what distinguishes the statements that write a row. There are as
// many as people change in different ways, so few are in use and many possible.
type shape struct {
	columns uint32 // bit i is columns[i]
	search  bool
	insert  bool
}

const maxShapes = 200

// A keptRow is what is held of one person.
type keptRow struct {
	key       store.Key
	id        driver.Value
	exists    bool // there is a row, which holds kept
	kept      store.Record
	forgotten bool // there is a tombstone
}

// apply joins the deltas with these indexes, which are of one person, to the
// person's row.
func (rw *rowWriter) apply(w *conn, row keptRow, deltas []store.Record, changes []store.Change, indexes []int) error {
	if row.forgotten {
		for _, i := range indexes {
			changes[i] = store.Change{Suppressed: true}
		}
		return nil
	}
	after := row.kept
	same := true
	for _, i := range indexes {
		after, changes[i] = after.Apply(deltas[i])
		same = same && changes[i].Same
	}
	if same {
		return nil
	}
	return rw.write(w, row, after, &changes[indexes[len(indexes)-1]].Profile)
}

// write makes r, whose profile is p, what the row holds.
func (rw *rowWriter) write(w *conn, row keptRow, r store.Record, p *store.Profile) (err error) {
	if row.exists && row.kept.Equal(r) {
		return nil
	}
	if rw.record, err = r.AppendBinary(rw.record[:0]); err != nil {
		return err
	}
	if row.exists {
		was := row.kept.Profile()
		sh := rw.fill(cells(&was), cells(p), p)
		return w.exec(rw.statement(sh), append(rw.args, row.id)...)
	}
	sh := rw.fill([len(columns)]cell{}, cells(p), p)
	sh.insert = true
	return w.exec(rw.statement(sh), append(rw.args, row.key.Channel, row.key.UserID)...)
}

// fill puts into rw.args what a statement of the returned shape takes: the
// values that differ, the search text if it can differ, and rw.record.
func (rw *rowWriter) fill(before, after [len(columns)]cell, p *store.Profile) (sh shape) {
	rw.args = rw.args[:0]
	for i, c := range after {
		if c != before[i] {
			sh.columns |= 1 << i
			rw.args = append(rw.args, c.value())
		}
	}
	if sh.columns<<timeColumns != 0 {
		sh.search = true
		rw.args = append(rw.args, store.SearchText(*p))
	}
	rw.args = append(rw.args, rw.record)
	return sh
}

func (rw *rowWriter) statement(sh shape) string {
	if query, ok := rw.statements[sh]; ok {
		return query
	}
	var names []string
	for i, name := range columns {
		if sh.columns&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if sh.search {
		names = append(names, "search")
	}
	names = append(names, "record")
	query := "UPDATE profiles SET " + strings.Join(names, " = ?, ") + " = ? WHERE id = ?"
	if sh.insert {
		names = append(names, "channel", "user_id")
		query = "INSERT INTO profiles (" + strings.Join(names, ", ") + ") VALUES (?" +
			strings.Repeat(", ?", len(names)-1) + ")"
	}
	if rw.statements == nil || len(rw.statements) == maxShapes {
		rw.statements = make(map[shape]string)
	}
	rw.statements[sh] = query
	return query
}
