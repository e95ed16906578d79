package pgstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollcall-go/rollcall/store"
)

// What is done with many rows is one statement, which takes an array for each column.
// Those that know rows by their keys have two texts. The one for Postgres leaves its
// planner no choice: it keeps plans, and what it plans for a table of one row goes
// through all of it. A subquery that locks, or that has an OFFSET, is not merged with
// what is around it, so each key is looked up by itself. And a row that is locked stays
// where it is (ctid), so it is changed there, and not looked up once more. The other
// text is plain, for servers that have neither such plans nor such places.

// A lookup asks for the rows s of a table that have the keys $1 and $2, in the order of
// these.
type lookup struct {
	columns   string // of s
	table     string
	condition string // beside the key
	order     string // of the rows of one key
	lock      bool
	guard     string // a condition on nothing of s, without which no row is looked up
}

func (l lookup) texts() (text, plain string) {
	const keys = " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (of_channel, of_user, n)"
	rows, match := "rollcall."+l.table+" AS s", "s.channel = k.of_channel AND s.user_id = k.of_user"+l.condition
	each, all := " OFFSET 0", ""
	if l.lock {
		each, all = " FOR UPDATE", " FOR UPDATE OF s"
	}
	if l.order != "" {
		each, all = " ORDER BY "+l.order+each, ", "+l.order+all
	}
	return "SELECT s.*" + keys + " CROSS JOIN LATERAL (SELECT " + l.columns + " FROM " + rows + " WHERE " + match + each + ") AS s" +
			l.guard + " ORDER BY k.n",
		"SELECT " + l.columns + keys + " JOIN " + rows + " ON " + match + l.guard + " ORDER BY k.n" + all
}

// tid is where a row lies. Plain SQL has nothing like it.
const tid, plainTID = "s.ctid::text", "''"

// A column is one array of a statement.
type column struct{ name, array, cast string }

// updateTexts are statements that replace columns of rows whose places are $1, or, in
// plain SQL, whose keys are the first arguments.
func updateTexts(table string, key, set []column) (text, plain string) {
	text = updateText(table, []column{{"place", "text[]", ""}}, set) + "p.ctid = n.place::tid"
	var match []string
	for _, c := range key {
		match = append(match, "p."+c.name+" = n."+c.name)
	}
	return text, updateText(table, key, set) + strings.Join(match, " AND ")
}

func updateText(table string, known, set []column) string {
	var assign []string
	for _, c := range set {
		assign = append(assign, c.name+" = n."+c.name+c.cast)
	}
	return "UPDATE rollcall." + table + " AS p SET " + strings.Join(assign, ", ") + " FROM " + unnest(slices.Concat(known, set)) + " WHERE "
}

// insertText is a statement that inserts rows, and constants beside what is given.
func insertText(table string, columns []column, more, values string) string {
	list := names(columns, "", false)
	return "INSERT INTO rollcall." + table + " (" + more + list + ") SELECT " + values + names(columns, "n.", true) + " FROM " + unnest(columns)
}

// unnest is a table n of columns.
func unnest(columns []column) string {
	params := make([]string, len(columns))
	for i, c := range columns {
		params[i] = "$" + strconv.Itoa(i+1) + "::" + c.array
	}
	return "unnest(" + strings.Join(params, ", ") + ") AS n (" + names(columns, "", false) + ")"
}

func names(columns []column, of string, cast bool) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = of + c.name
		if cast {
			list[i] += c.cast
		}
	}
	return strings.Join(list, ", ")
}

// change queues a statement that changes rows which were locked, where tids say. In plain
// SQL they are known by keys.
func (tx *transaction) change(text string, tids []string, keys, values []any) {
	known := keys
	if !tx.s.dialect.plain {
		known = []any{tids}
	}
	tx.queue(text, slices.Concat(known, values)...).Exec(func(done pgconn.CommandTag) error {
		if n := done.RowsAffected(); n != int64(len(tids)) {
			return fmt.Errorf("%d of %d locked rows could be changed, has the table a trigger or a rule? %w", n, len(tids), store.ErrUnavailable)
		}
		return nil
	})
}
