package pgstore

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

// beside runs do in a transaction, and call beside it, which has to wait for the
// transaction before that commits. A call that does not wait is through by then.
func beside(t *testing.T, s *Store, do func(tx *transaction) error, call func() error) {
	t.Helper()
	done := make(chan error, 1)
	err := s.transact(t.Context(), func(tx *transaction) error {
		if err := do(tx); err != nil {
			return err
		}
		go func() { done <- call() }()
		for waiting := 0; waiting == 0 && len(done) == 0; {
			err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(&waiting)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
}

func (s *Store) standing(t *testing.T, key store.Key) (found []store.Standing) {
	t.Helper()
	for st, err := range s.Standings(t.Context(), store.StandingFilter{Key: key}) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, st)
	}
	return found
}

func enrolledStore(t *testing.T) *Store {
	t.Helper()
	s := fresh(t, pgtest.Pool(t))
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Store) claimOne(t *testing.T) store.Standing {
	t.Helper()
	claims, _, err := s.Claim(t.Context(), "crm", 1, time.Minute)
	if err != nil || len(claims) != 1 {
		t.Fatalf("%d claims: %v", len(claims), err)
	}
	return claims[0].Standing
}

func settlement(c store.Standing) store.Settlement {
	return store.Settlement{Key: c.Key, Token: c.Token, Version: c.Version, Remote: "theirs"}
}

func renamed(key store.Key, n int) store.Record {
	return store.Patch{Key: key, At: time.Unix(1_700_000_000+int64(n), 0), Set: map[store.Field]string{
		store.FieldGivenName: "Ann " + strconv.Itoa(n),
	}}.Record()
}

// A change that began before a backend was enrolled is owed to it as well.
func TestEnrollWaitsForChangesUnderWay(t *testing.T) {
	s := fresh(t, pgtest.Pool(t))
	beside(t, s, func(tx *transaction) error {
		_, err := apply(t.Context(), tx, []store.Record{annRecord()})
		return err
	}, func() error { return s.Enroll(t.Context(), "crm") })
	if owed := s.standing(t, ann); len(owed) != 1 || owed[0].State != store.StateOwed {
		t.Errorf("owed is %+v", owed)
	}
}

// A change that is being saved while its forerunner is settled stays owed.
func TestSettleWaitsForAChange(t *testing.T) {
	s := enrolledStore(t)
	mustApply(t, s, renamed(ann, 1))
	claimed := s.claimOne(t)
	beside(t, s, func(tx *transaction) error {
		_, err := apply(t.Context(), tx, []store.Record{renamed(ann, 2)})
		return err
	}, func() error { return s.Settle(t.Context(), "crm", []store.Settlement{settlement(claimed)}) })
	if got := s.standing(t, ann)[0]; got.State != store.StateOwed || !slices.Contains(got.Fields, store.FieldGivenName) {
		t.Errorf("the change is lost: %+v", got)
	}
}

// A change does not undo what is being settled.
func TestChangeWaitsForSettle(t *testing.T) {
	s := enrolledStore(t)
	mustApply(t, s, renamed(ann, 1))
	claimed := s.claimOne(t)
	beside(t, s, func(tx *transaction) error {
		st := tx.lockStandings(lockStandingsWithSQL, []string{ann.Channel}, []string{ann.UserID}, "crm")
		if err := tx.send(t.Context()); err != nil {
			return err
		}
		st.put(st.kept[place{ann, "crm"}].Settled(settlement(claimed), time.Now()))
		return tx.putStandings(st)
	}, func() error {
		_, err := s.Apply(t.Context(), []store.Record{renamed(ann, 2)})
		return err
	})
	if got := s.standing(t, ann)[0]; got.State != store.StateOwed || got.Remote != "theirs" || got.All {
		t.Errorf("the settlement is lost: %+v", got)
	}
}

// A claim passes over what somebody else holds, and says when to come again.
func TestClaimPassesOverWhatIsLocked(t *testing.T) {
	s := enrolledStore(t)
	mustApply(t, s, annRecord(), renamed(bob, 1))
	err := s.transact(t.Context(), func(tx *transaction) error {
		if _, err := apply(t.Context(), tx, []store.Record{renamed(ann, 2)}); err != nil {
			return err
		}
		if got := s.claimOne(t); got.Key != bob {
			t.Errorf("claimed %s, who is being changed", got.Key)
		}
		claims, wait, err := s.Claim(t.Context(), "crm", 1, time.Minute)
		if len(claims) != 0 || wait <= 0 || wait > lockedWait {
			t.Errorf("claimed %v, or wait %v", claims, wait)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The record that comes with a claim is as new as its version.
func TestClaimHasTheRecordOfItsVersion(t *testing.T) {
	s := enrolledStore(t)
	mustApply(t, s, renamed(ann, 0))
	done := make(chan error, 1)
	go func() {
		for n := 1; n <= 200; n++ {
			if _, err := s.Apply(t.Context(), []store.Record{renamed(ann, n)}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for len(done) == 0 {
		claims, _, err := s.Claim(t.Context(), "crm", 1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			// Version 1 is the creation, with Ann 0.
			if got, want := c.Record.Profile().GivenName, "Ann "+strconv.FormatInt(c.Standing.Version-1, 10); got != want {
				t.Errorf("version %d came with %q", c.Standing.Version, got)
			}
			if err := s.Settle(t.Context(), "crm", []store.Settlement{settlement(c.Standing)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Who is told that the backend is back need not wait for the retry.
func TestReplayHurriesWhatWaits(t *testing.T) {
	s := enrolledStore(t)
	mustApply(t, s, renamed(ann, 1), renamed(bob, 1))
	var settlements []store.Settlement
	for _, verdict := range []store.Verdict{store.VerdictRetry, store.VerdictDead} {
		x := settlement(s.claimOne(t))
		x.Verdict, x.After = verdict, 10*time.Minute
		settlements = append(settlements, x)
	}
	if err := s.Settle(t.Context(), "crm", settlements); err != nil {
		t.Fatal(err)
	}
	if claims, wait, err := s.Claim(t.Context(), "crm", 2, time.Minute); err != nil || len(claims) != 0 || wait < 9*time.Minute {
		t.Fatalf("the test is blind: %d claims, wait %v, %v", len(claims), wait, err)
	}
	for _, key := range []store.Key{ann, bob} {
		want := 0 // ann waits
		if key == bob {
			want = 1 // and bob is dead
		}
		if n, err := s.Replay(t.Context(), "crm", key); err != nil || n != want {
			t.Errorf("%d replayed of %s: %v", n, key, err)
		}
		if got := s.claimOne(t); got.Key != key {
			t.Errorf("claimed %s, and %s was replayed", got.Key, key)
		}
	}
}

// Who creates a person while they are being forgotten does not bring them back
// where there is a tombstone, and leaves nothing half otherwise.
func TestForgetBesideApply(t *testing.T) {
	s := enrolledStore(t)
	for n := range 300 {
		key, suppress := store.Key{Channel: "telegram", UserID: strconv.Itoa(n)}, n%3 == 0
		done := make(chan error, 2)
		go func() {
			_, err := s.Apply(t.Context(), []store.Record{renamed(key, 1)})
			done <- err
		}()
		go func() { done <- s.Forget(t.Context(), key, suppress) }()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(t.Context(), key)
		if suppress != errors.Is(err, store.ErrSuppressed) {
			t.Fatalf("forgotten with suppress %t, the person is %v", suppress, err)
		}
		if owed := s.standing(t, key); len(owed) == 0 != errors.Is(err, store.ErrNotFound) {
			t.Fatalf("the person is %v, and their standings are %+v", err, owed)
		}
	}
}

// Connections that died unnoticed, as at a restart of the server, cost the caller
// nothing.
func TestDeadConnectionsAreReplaced(t *testing.T) {
	config := pgtest.Pool(t).Config()
	config.MaxConns = 4
	name := "dead " + pgtest.Schema(t)[:12]
	config.ConnConfig.RuntimeParams["application_name"] = name
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := fresh(t, pool)
	for _, call := range []func() error{
		func() error { _, err := s.Apply(t.Context(), []store.Record{annRecord()}); return err },
		func() error { _, err := s.Get(t.Context(), ann); return err },
		func() error { return s.Enroll(t.Context(), "crm") },
		func() error { _, _, err := s.Claim(t.Context(), "crm", 1, time.Second); return err },
		func() error { return s.Forget(t.Context(), ann, false) },
	} {
		conns := make([]*pgxpool.Conn, 4)
		for i := range conns {
			if conns[i], err = pool.Acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range conns {
			c.Release()
		}
		var killed int
		err := pgtest.Pool(t).QueryRow(t.Context(),
			"SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = $1", name).Scan(&killed)
		if err != nil || killed != 4 {
			t.Fatalf("the test is blind: %d connections killed, %v", killed, err)
		}
		if err := call(); err != nil {
			t.Error(err)
		}
	}
}

// A COMMIT whose answer is lost may have happened: nobody tries it again unasked.
func TestLostCommitIsNotTriedAgain(t *testing.T) {
	s := fresh(t, pgtest.Pool(t))
	for _, statement := range []string{
		`CREATE SEQUENCE rollcall.tries`,
		`CREATE FUNCTION rollcall.die() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN PERFORM nextval('rollcall.tries'); PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER die AFTER INSERT ON rollcall.people DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rollcall.die()`,
	} {
		s.mustExec(t, statement)
	}
	_, err := s.Apply(t.Context(), []store.Record{annRecord()})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the connection broke in COMMIT: %v", err)
	}
	var tries int
	if err := s.pool.QueryRow(t.Context(), s.sql("SELECT last_value FROM rollcall.tries")).Scan(&tries); err != nil || tries != 1 {
		t.Errorf("tried %d times, %v", tries, err)
	}
	s.mustExec(t, "DROP TRIGGER die ON rollcall.people")
	if c := mustApply(t, s, annRecord())[0]; !c.Created || !reflect.DeepEqual(c.Profile, annRecord().Profile()) {
		t.Errorf("tried again by the caller: %+v", c)
	}
}

// Where nothing waits at a gate, it is the change that began before a backend was
// enrolled that has to start over.
func TestEnrollBesideAChangeInPlainSQL(t *testing.T) {
	for _, d := range []dialect{cockroach, yugabyte} {
		s := fresh(t, pgtest.Pool(t))
		s = &Store{pool: s.pool, schema: s.schema, dialect: d}
		tries := 0
		err := s.transact(t.Context(), func(tx *transaction) error {
			tries++
			_, err := apply(t.Context(), tx, []store.Record{annRecord()})
			if err == nil && tries == 1 {
				err = errors.Join(tx.send(t.Context()), s.Enroll(t.Context(), "crm"))
			}
			return err
		})
		if err != nil || tries != 2 {
			t.Errorf("tried %d times: %v", tries, err)
		}
		if owed := s.standing(t, ann); len(owed) != 1 || owed[0].State != store.StateOwed {
			t.Errorf("owed is %+v", owed)
		}
	}
}

// Who settles in another order than that of keys waits for nobody while holding what
// they need.
func TestSettleLocksInTheOrderOfKeys(t *testing.T) {
	s := enrolledStore(t)
	a, b := numbered(1), numbered(2)
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	mustApply(t, s, renamed(a, 1), renamed(b, 1))
	claims, _, err := s.Claim(t.Context(), "crm", 2, time.Minute)
	if err != nil || len(claims) != 2 {
		t.Fatal(claims, err)
	}
	var x []store.Settlement
	for _, c := range claims {
		x = append(x, settlement(c.Standing))
	}
	if x[0].Key.Compare(x[1].Key) < 0 {
		x[0], x[1] = x[1], x[0] // b, a
	}
	beside := make(chan error, 1)
	err = s.transact(t.Context(), func(tx *transaction) error {
		tx.lockStandings(lockStandingsWithSQL, []string{a.Channel}, []string{a.UserID}, "crm")
		if err := tx.send(t.Context()); err != nil {
			return err
		}
		go func() { beside <- s.Settle(context.WithoutCancel(t.Context()), "crm", x) }()
		for waiting := 0; waiting == 0; {
			if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(&waiting); err != nil {
				return err
			}
		}
		var free int
		err := s.pool.QueryRow(t.Context(), s.sql(`SELECT count(*) FROM (SELECT 1 FROM rollcall.standings
			WHERE channel = $1 AND user_id = $2 FOR UPDATE SKIP LOCKED) AS s`), b.Channel, b.UserID).Scan(&free)
		if err == nil && free != 1 {
			t.Error("who waits for the first holds the second")
		}
		return err
	})
	if err := errors.Join(err, <-beside); err != nil {
		t.Error(err)
	}
}

// Both people of one statement were changed by the one who was waited for.
func TestTwoWaitedForAtOnce(t *testing.T) {
	s := fresh(t, pgtest.Pool(t))
	a, b, c := numbered(1), numbered(2), numbered(3)
	mustApply(t, s, renamed(a, 1), renamed(b, 1), renamed(c, 1))
	beside(t, s, func(tx *transaction) error {
		_, err := apply(t.Context(), tx, []store.Record{renamed(a, 5), renamed(c, 5), renamed(b, 5)})
		return err
	}, func() error {
		_, err := s.Apply(t.Context(), []store.Record{renamed(a, 3), renamed(b, 9), renamed(c, 9)})
		return err
	})
	for k, want := range map[store.Key]string{a: "Ann 5", b: "Ann 9", c: "Ann 9"} {
		r, err := s.Get(t.Context(), k)
		if err != nil || r.Profile().GivenName != want {
			t.Error(k, r.Profile().GivenName, err)
		}
	}
}
