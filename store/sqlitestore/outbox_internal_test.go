package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func backlog(t *testing.T, s *Store) store.Backlog {
	t.Helper()
	backlogs, err := s.Backlogs(t.Context())
	if err != nil || len(backlogs) != 1 {
		t.Fatalf("backlogs %+v, %v; want one", backlogs, err)
	}
	backlogs[0].Elapsed = 0
	return backlogs[0]
}

// stopAfterAStep begins a job and does one step of it, as a process that is
// killed then.
func stopAfterAStep(t *testing.T, s *Store, j job) {
	t.Helper()
	err := s.write(t.Context(), func(w *conn) error { return begin(w, "crm", j) })
	if err == nil {
		err = s.write(t.Context(), func(w *conn) error {
			p, err := step(w, "crm", s.step)
			if p.job != j {
				t.Errorf("after one step the job is %q; want %q", p.job, j)
			}
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestJobsGoOnWhereTheyStopped(t *testing.T) {
	s := temporary(t)
	const step, size = 40, 100
	s.step = step
	if _, err := s.Apply(t.Context(), people(0, size)); err != nil {
		t.Fatal(err)
	}
	amid := store.Backlog{Backend: "crm", Owed: step, Bulk: step, Total: step}
	done := store.Backlog{Backend: "crm", Owed: size, Bulk: size, Total: size, Complete: true}
	versions := func(when string, want int64) {
		t.Helper()
		n := 0
		for st, err := range s.Standings(t.Context(), store.StandingFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; st.Version != want || !st.All {
				t.Fatalf("%s a standing is %+v; want version %d", when, st, want)
			}
		}
		if n != size {
			t.Errorf("%s there are %d standings; want %d", when, n, size)
		}
	}
	enroll := func() {
		t.Helper()
		if err := s.Enroll(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		if b := backlog(t, s); b != done {
			t.Errorf("after Enroll the backlog is %+v", b)
		}
	}

	stopAfterAStep(t, s, jobEnroll)
	if b := backlog(t, s); b != amid {
		t.Errorf("amid Enroll the backlog is %+v", b)
	}
	enroll()
	versions("after Enroll", 1)

	stopAfterAStep(t, s, jobResync)
	amid.Owed = size
	if b := backlog(t, s); b.Complete || b.Total != step {
		t.Errorf("amid Resync the backlog is %+v", b)
	}
	enroll()
	versions("when Enroll ended a Resync", 2)

	stopAfterAStep(t, s, jobResync)
	if err := s.Resync(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if b := backlog(t, s); b != done {
		t.Errorf("after a Resync that started over the backlog is %+v", b)
	}

	stopAfterAStep(t, s, jobWithdraw)
	if _, _, err := s.Claim(t.Context(), "crm", 1, time.Minute); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Claim amid Withdraw: %v", err)
	}
	if err := s.Resync(t.Context(), "crm"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Resync amid Withdraw: %v", err)
	}
	if backlogs, err := s.Backlogs(t.Context()); err != nil || len(backlogs) != 0 {
		t.Errorf("amid Withdraw the backlogs are %+v, %v", backlogs, err)
	}
	changed := store.Patch{Key: person(0).Key, At: time.Unix(1_800_000_000, 0), Set: map[store.Field]string{store.FieldBio: "new"}}
	if _, err := s.Apply(t.Context(), []store.Record{changed.Record()}); err != nil {
		t.Fatal(err)
	}
	enroll()
	versions("when Enroll ended a Withdraw", 1)
}

func TestStepsHeedTheContext(t *testing.T) {
	s := temporary(t)
	s.step = 10
	if _, err := s.Apply(t.Context(), people(0, 15)); err != nil {
		t.Fatal(err)
	}
	stopAfterAStep(t, s, jobEnroll)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Enroll(ctx, "crm"); !errors.Is(err, context.Canceled) {
		t.Errorf("Enroll with a cancelled context: %v", err)
	}
	if b := backlog(t, s); b.Complete || b.Total != 10 {
		t.Errorf("after it the backlog is %+v", b)
	}
}

// firstSchema makes a file as the first version of this package did, with people.
func firstSchema(t *testing.T, people []store.Record) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "users.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"PRAGMA journal_mode = wal", migrations[0],
		"INSERT INTO tombstones (channel, user_id) VALUES ('telegram', 'gone')",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID), "PRAGMA user_version = 1",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range bareRows(t, people) {
		if _, err := db.Exec(bareUpsert(), row...); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestFileOfTheFirstSchemaIsBroughtUpToDate(t *testing.T) {
	people := people(0, 30)
	s, err := Open(firstSchema(t, people))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if version, err := s.writer.number("PRAGMA user_version"); err != nil || version != 2 {
		t.Errorf("the schema has version %d, %v", version, err)
	}
	for _, r := range people {
		if got, err := s.Get(t.Context(), r.Key); err != nil || !got.Equal(r) {
			t.Errorf("%s is not what it was: %v", r.Key, err)
		}
	}
	if _, err := s.Get(t.Context(), store.Key{Channel: "telegram", UserID: "gone"}); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("the tombstone: %v", err)
	}
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if b := backlog(t, s); b.Owed != len(people) {
		t.Errorf("of %d people %d are owed", len(people), b.Owed)
	}
}

func planOf(t *testing.T, s *Store, query string) (plan []string) {
	t.Helper()
	rows, err := s.readers.Query("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var ignored any
		var detail string
		if err := rows.Scan(&ignored, &ignored, &ignored, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// Without them a claim, and the count of what is owed, would read all that was
// ever delivered.
func TestOutboxQueriesUseTheirIndexes(t *testing.T) {
	s := temporary(t)
	dead, _ := standingsQuery(store.StandingFilter{State: store.StateDead}, store.Key{}, pageSize)
	for query, want := range map[string]string{
		dueSQL:             "INDEX standings_owed (backend=? AND bulk=? AND due<?)",
		farAheadSQL:        "INDEX standings_owed (backend=? AND bulk=? AND due>?)",
		nextSQL:            "COVERING INDEX standings_owed (backend=? AND bulk=?)",
		countOwedSQL:       "COVERING INDEX standings_owed (backend=?)",
		countDeadSQL:       "COVERING INDEX standings_dead (backend=?)",
		dead:               "INDEX standings_dead (backend=? AND (channel,user_id)>(?,?))",
		waitingSQL:         "INDEX standings_owed (backend=? AND bulk=? AND (due,channel,user_id)>(?,?,?))",
		selectStandingsSQL: "PRIMARY KEY (channel=? AND user_id=?)",
		selectStandingSQL:  "PRIMARY KEY (channel=? AND user_id=? AND backend=?)",
	} {
		plan := planOf(t, s, query)
		if len(plan) != 1 || !strings.HasSuffix(plan[0], want) {
			t.Errorf("%s\nis planned as %q\nand should use %s", query, plan, want)
		}
	}
}

func TestDueAgreesWithDueAt(t *testing.T) {
	s := temporary(t)
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_800_000_000_000).Add(700 * time.Microsecond).UTC()
	whole := now.Truncate(time.Millisecond)
	var all []store.Standing
	for _, bulk := range []bool{false, true} {
		for _, state := range []store.State{store.StateOwed, store.StateDelivered, store.StateDead} {
			for _, offset := range []int64{-3_600_000, -1, 0, 1, 1000, 899_999, 900_000, 900_001, 900_002, 4_000_000} {
				all = append(all, store.Standing{
					Backend: "crm", Key: store.Key{Channel: "telegram", UserID: fmt.Sprint(len(all))},
					State: state, Version: 1, Bulk: bulk, Due: time.UnixMilli(whole.UnixMilli() + offset).UTC(),
				})
			}
		}
	}
	err := s.write(t.Context(), func(w *conn) error {
		for _, st := range all {
			if err := putStanding(w, st); err != nil {
				return err
			}
		}
		dueNow := func(limit int) (standings []store.Standing, err error) {
			due, err := dueStandings(w, "crm", limit, now)
			for _, d := range due {
				standings = append(standings, d.Standing)
			}
			return standings, err
		}
		got, err := dueNow(100)
		if err != nil {
			return err
		}
		var want []store.Standing
		for _, st := range all { // which are in the order of lanes and dues
			if st.DueAt(now) {
				want = append(want, st)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("due are\n\t%+v\nand should be\n\t%+v", got, want)
		}
		few, err := dueNow(7)
		if err == nil && !reflect.DeepEqual(few, want[:7]) {
			t.Errorf("the first 7 that are due are\n\t%+v\nand should be\n\t%+v", few, want[:7])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnknownJobIsCorrupt(t *testing.T) {
	s := temporary(t)
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.readers.Exec("UPDATE backends SET job = 'dance'"); err != nil {
		t.Fatal(err)
	}
	if err := s.Enroll(t.Context(), "crm"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Enroll: %v", err)
	}
	if _, _, err := s.Claim(t.Context(), "crm", 1, time.Minute); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Claim: %v", err)
	}
}
