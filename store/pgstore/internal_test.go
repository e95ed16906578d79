package pgstore

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

func fresh(t *testing.T, pool *pgxpool.Pool) *Store {
	t.Helper()
	s, err := New(t.Context(), pool, &Options{Schema: pgtest.Schema(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Store) mustExec(t *testing.T, text string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), s.sql(text), args...); err != nil {
		t.Fatal(err)
	}
}

// Every field has its column, which shows what Profile.Value says.
func TestColumnsShowEveryField(t *testing.T) {
	s := fresh(t, pgtest.Pool(t))
	set := make(map[store.Field]string)
	for i, f := range store.Fields() {
		for _, v := range []string{"true", "Ann " + string(rune('A'+i)), "https://example.org/a", "ann@example.org", "1990-12-31", "Europe/Paris", "de", "+14155552671", "M", "active"} {
			if repaired, ok := store.Repair(f, v); ok && repaired != "" {
				set[f] = repaired
			}
		}
	}
	r := store.Patch{Key: ann, At: time.Unix(1_700_000_000, 0), Set: set}.Record()
	mustApply(t, s, r)
	p := r.Profile()
	for _, f := range store.Fields() {
		var got *string
		column := pgx.Identifier{strings.ReplaceAll(string(f), ".", "_")}.Sanitize()
		if err := s.pool.QueryRow(t.Context(), s.sql("SELECT "+column+"::text FROM rollcall.profiles")).Scan(&got); err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if got == nil || *got != p.Value(f) || p.Value(f) == "" {
			t.Errorf("the column of %s shows %v, not %q", f, got, p.Value(f))
		}
	}
	var first, last time.Time
	err := s.pool.QueryRow(t.Context(), s.sql("SELECT first_seen, last_seen FROM rollcall.profiles")).Scan(&first, &last)
	if err != nil || !first.Equal(p.FirstSeen) || !last.Equal(p.LastSeen) {
		t.Errorf("seen %s to %s: %v", first, last, err)
	}
}

// A record that was never repaired is kept all the same: one odd text must not make
// the server refuse a whole batch for ever.
func TestOddTextsAreKept(t *testing.T) {
	s := fresh(t, pgtest.Pool(t))
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_700_000_000, 0)
	texts := append(slices.Clone(hostile.Texts), "a\x00b", "\xff\xfe", "\\u0000", "\ud7ff\x00", `{"a":`, "\\\x00")
	for i, text := range texts {
		key := store.Key{Channel: "telegram", UserID: strings.Repeat("x", i+1)}
		quoted := `"` + strings.ReplaceAll(text, `"`, "") + `"`
		r := store.NewRecord(key, at, at, []store.Register{
			{Field: store.FieldGivenName, Value: text, At: at}, {Field: store.NickField(text), Value: text, At: at},
			{Field: store.CustomKey("a"), Value: quoted, At: at}, {Field: store.Field("custom." + text), Value: "1", At: at},
		})
		mustApply(t, s, r)
		if got, err := s.Get(t.Context(), key); err != nil || !got.Equal(r) {
			t.Errorf("text %q: %v", text, err)
		}
		found := false
		for p, err := range s.List(t.Context(), store.Filter{Search: text}) {
			if err != nil {
				t.Fatalf("a search for %q: %v", text, err)
			}
			found = found || p.Key == key
		}
		if !found {
			t.Errorf("a search for %q does not find who is called so", text)
		}
	}
}

// What is acknowledged is on the disk, whatever the pool's settings are, and those
// of the pool's own transactions stay as they were.
func TestSettingsOfTransactions(t *testing.T) {
	config, err := pgxpool.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := fresh(t, pool)
	ask := func(q interface {
		QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	}) (commit, isolation string) {
		const settings = "SELECT current_setting('synchronous_commit'), current_setting('transaction_isolation')"
		if err := q.QueryRow(t.Context(), settings).Scan(&commit, &isolation); err != nil {
			t.Fatal(err)
		}
		return commit, isolation
	}
	err = s.transact(t.Context(), func(tx *transaction) error {
		var now time.Time
		tx.clock(&now)
		if err := tx.send(t.Context()); err != nil {
			return err
		}
		if commit, isolation := ask(tx.conn); commit != "on" || isolation != "read committed" {
			t.Errorf("a transaction runs with synchronous_commit %s, %s", commit, isolation)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if commit, isolation := ask(pool); commit != "off" || isolation != "serializable" {
		t.Errorf("the pool's own transactions run with synchronous_commit %s, %s", commit, isolation)
	}
}
