package pgstore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

// planOf returns how a statement is done in one of our transactions, for whatever
// arguments, as a prepared one soon is.
func planOf(t *testing.T, s *Store, query string, args int) (plan []string) {
	t.Helper()
	execute := "EXPLAIN EXECUTE planned"
	if args > 0 {
		execute += "(" + strings.Repeat("NULL, ", args-1) + "NULL)"
	}
	err := s.transact(t.Context(), func(tx *transaction) error {
		var now time.Time
		tx.clock(&now)
		if err := tx.send(t.Context()); err != nil {
			return err
		}
		for _, text := range []string{"SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE planned AS " + query} {
			if _, err := tx.conn.Exec(t.Context(), s.sql(text)); err != nil {
				return err
			}
		}
		rows, err := tx.conn.Query(t.Context(), execute, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		if plan, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		tx.queue("DEALLOCATE planned")
		return tx.send(t.Context())
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return plan
}

// Each claim, and each step of what is done with all people, would otherwise read or
// sort all that is owed, or all that was ever delivered. A plan is kept for as long as
// nobody analyzes the table, so that of a small one has to do for a large one.
func TestOutboxQueriesUseTheirIndexes(t *testing.T) {
	s := fresh(t, pgtest.Pool(t))
	dead, deadArgs := standingsQuery(store.StandingFilter{Backend: "crm", State: store.StateDead}, ann, pageSize)
	deadOne, deadOneArgs := standingsQuery(store.StandingFilter{Backend: "crm", State: store.StateDead, Key: ann}, ann, pageSize)
	waiting, waitingArgs := waitingQuery("crm", true, store.Key{})
	waitingOne, waitingOneArgs := waitingQuery("crm", true, ann)
	const (
		lane   = "standings_owed ((backend = $1) AND (bulk = "
		dueNow = "standings_owed ((backend = $1) AND (bulk = false) AND (due "
		inBulk = "standings_owed ((backend = $1) AND (bulk = true) AND (due "
		asked  = "pkey ((channel = k.of_channel) AND (user_id = k.of_user)"
		lying  = "TID (ctid = (n.place)::tid)"
		onward = "(ROW(channel, user_id) > ROW($"
	)
	cases := []struct {
		query string
		args  int
		want  []string // how each line about an index or a sort begins
	}{
		{claimSQL, 2, []string{dueNow + "<=", dueNow + ">", inBulk + "<=", inBulk + ">"}},
		{nextSQL, 2, []string{lane + "$2)"}},
		{recordsSQL, 2, []string{"people_" + asked}},
		{peopleSQL, 2, []string{"people_" + asked}},
		{lockPeopleSQL, 2, []string{"people_" + asked}},
		{updatePeopleSQL[seen], 1 + len(columnsOf(seen)), []string{lying}},
		{updatePeopleSQL[usual], 1 + len(columnsOf(usual)), []string{lying}},
		{updatePeopleSQL[whole], 1 + len(columnsOf(whole)), []string{lying}},
		{standingsOfSQL, 2, []string{"standings_" + asked}},
		{lockStandingsSQL, 2, []string{"backends_pkey", "standings_" + asked}},
		{lockStandingsWithSQL, 3, []string{"standings_" + asked + " AND (backend ="}},
		{updateStandingsSQL, len(standingColumns) - 2, []string{lying}},
		{dropStandingsSQL, 1, []string{"TID (ctid = ANY (($1)::tid[]))"}},
		{lockNextPeopleSQL, 3, []string{"people_pkey " + onward}},
		{lockNextStandingsSQL, 4, []string{"standings_pkey (" + onward}},
		{waiting, len(waitingArgs), []string{lane + "$2) AND (due >"}},
		{waitingOne, len(waitingOneArgs), []string{lane + "$2) AND (due > statement_timestamp()) AND (channel = $4) AND (user_id = $5)"}},
		{dead, len(deadArgs), []string{"standings_dead ((backend = $1) AND " + onward}},
		{deadOne, len(deadOneArgs), []string{"standings_dead ((backend = $1) AND " + onward + "2, $3)) AND (channel = $5) AND (user_id = $6)"}},
		{backlogsSQL, 0, []string{
			"backends_pkey", "standings_owed (backend = b.name)", "standings_owed ((backend = b.name) AND (bulk = true))", "standings_dead (backend = b.name)",
		}},
	}
	check := func(when string) {
		t.Helper()
		for _, c := range cases {
			plan := planOf(t, s, c.query, c.args)
			if got := lookups(plan); !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("%s: %s\nreads %q\nand should read %q:\n%s", when, c.query, got, c.want, strings.Join(plan, "\n"))
			}
		}
	}
	check("nobody was ever there")
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	// Of all tables one of a single row tempts the planner most to read all of it.
	for there, more := range []int{1, 1, 3, 15} {
		mustApply(t, s, benchDeltas(1000*there, more, 0)...)
		s.mustExec(t, "ANALYZE rollcall.people, rollcall.standings, rollcall.backends")
		check(fmt.Sprintf("analyzed after %d people more", more))
	}
}

// lookups are the indexes that a plan reads, with what it looks up there, and what
// it sorts, or reads without an index.
func lookups(plan []string) (found []string) {
	for _, line := range plan {
		if _, rest, ok := strings.Cut(line, " using "); ok {
			name, _, _ := strings.Cut(rest, " ")
			found = append(found, name)
		} else if _, condition, ok := strings.Cut(line, "Index Cond: "); ok {
			found[len(found)-1] += " " + condition
		} else if _, condition, ok := strings.Cut(line, "TID Cond: "); ok {
			found = append(found, "TID "+condition)
		} else if strings.Contains(line, "Sort Key:") || strings.Contains(line, "Seq Scan") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
