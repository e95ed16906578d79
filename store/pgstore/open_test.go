package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

var ann = store.Key{Channel: "telegram", UserID: "42"}

func annRecord() store.Record {
	return store.Patch{Key: ann, At: time.Unix(1_700_000_000, 0), Set: map[store.Field]string{
		store.FieldGivenName: "Ann", store.NickField("7"): "boss", store.CustomKey("tier"): `"gold"`,
	}}.Record()
}

func mustApply(t *testing.T, s *Store, deltas ...store.Record) []store.Change {
	t.Helper()
	changes, err := s.Apply(t.Context(), deltas)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// next is what the version after this one could bring.
var next = append(slices.Clip(migrations), `ALTER TABLE rollcall.people ADD COLUMN shoe_size text`)

func TestMigratesFromEachVersion(t *testing.T) {
	pool := pgtest.Pool(t)
	for version := range next {
		schema := pgtest.Schema(t)
		o := &Options{Schema: schema}
		if version > 0 {
			s, err := open(t.Context(), pool, o, next[:version])
			if err != nil {
				t.Fatal(err)
			}
			mustApply(t, s, annRecord())
		}
		// Several at once, as when a new version of the bot is rolled out.
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				s, err := open(t.Context(), pool, o, next)
				if err == nil {
					_, err = s.Apply(t.Context(), []store.Record{annRecord()})
				}
				if err != nil {
					t.Errorf("from version %d: %v", version, err)
				}
			})
		}
		wg.Wait()
		var applied int
		if err := pool.QueryRow(t.Context(), "SELECT count(shoe_size) FROM "+pgx.Identifier{schema, "people"}.Sanitize()).Scan(&applied); err != nil {
			t.Errorf("from version %d: %v", version, err)
		}
		s, err := open(t.Context(), pool, o, next)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), ann); err != nil || !got.Equal(annRecord()) {
			t.Errorf("from version %d the person came as %v, %v", version, got, err)
		}
		if _, err := New(t.Context(), pool, o); !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "update the program") {
			t.Errorf("an older program opens a newer schema: %v", err)
		}
	}
}

// A migration that fails leaves the version before it, which goes on working.
func TestFailedMigrationChangesNothing(t *testing.T) {
	pool := pgtest.Pool(t)
	o := &Options{Schema: pgtest.Schema(t)}
	s, err := New(t.Context(), pool, o)
	if err != nil {
		t.Fatal(err)
	}
	bad := append(slices.Clip(migrations), `ALTER TABLE rollcall.people ADD COLUMN a text; SELECT 1 / 0`)
	if _, err := open(t.Context(), pool, o, bad); err == nil {
		t.Fatal("the test is blind: the migration did not fail")
	}
	mustApply(t, s, annRecord())
	if _, err := open(t.Context(), pool, o, next); err != nil {
		t.Error(err)
	}
}

func TestForeignSchemaStays(t *testing.T) {
	pool := pgtest.Pool(t)
	for name, create := range map[string]string{
		"a table":      "CREATE TABLE rollcall.orders (id bigint)",
		"a view":       "CREATE VIEW rollcall.orders AS SELECT 1 AS id",
		"a migrations": "CREATE TABLE rollcall.migrations (version bigint)",
		"an empty one": "CREATE TABLE rollcall.migrations (product text, version bigint)",
	} {
		schema := pgtest.Schema(t)
		quoted := pgx.Identifier{schema}.Sanitize()
		for _, statement := range []string{"CREATE SCHEMA " + quoted, strings.ReplaceAll(create, "rollcall", quoted)} {
			if _, err := pool.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := New(t.Context(), pool, &Options{Schema: schema}); !errors.Is(err, ErrForeign) {
			t.Errorf("a schema with %s: %v", name, err)
		}
		var relations int
		err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relnamespace = $1::regnamespace", quoted).Scan(&relations)
		if err != nil || relations != 1 {
			t.Errorf("a schema with %s has %d relations afterwards: %v", name, relations, err)
		}
	}
}

func TestSchemaNames(t *testing.T) {
	pool := pgtest.Pool(t)
	for _, name := range []string{
		`x"; DROP TABLE people; --`, "rollcall.people", `"`, "ünï 😀", "SELECT", "$1", `a\'b`, "rollcall.", strings.Repeat("x", 63),
	} {
		t.Cleanup(func() {
			if _, err := pool.Exec(context.Background(), "DROP SCHEMA IF EXISTS "+pgx.Identifier{name}.Sanitize()+" CASCADE"); err != nil {
				t.Error(err)
			}
		})
		s, err := New(t.Context(), pool, &Options{Schema: name})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		mustApply(t, s, annRecord())
		if got, err := s.Get(t.Context(), ann); err != nil || !got.Equal(annRecord()) {
			t.Errorf("in the schema %q: %v", name, err)
		}
	}
	for _, name := range []string{"pg_mine", "information_schema", strings.Repeat("x", 64), "a\x00b", "\xff", "a\nb"} {
		if _, err := New(t.Context(), pool, &Options{Schema: name}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := New(t.Context(), nil, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("without a pool: %v", err)
	}
}

func TestDatabaseMustBeUTF8(t *testing.T) {
	pool := pgtest.Connect(t, pgtest.Private(t).DSN)
	if _, err := pool.Exec(t.Context(), "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"); err != nil {
		t.Fatal(err)
	}
	config := pool.Config()
	config.ConnConfig.Database = "latin"
	latin, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(latin.Close)
	if _, err := New(t.Context(), latin, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("New in a database in LATIN1: %v", err)
	}
}

// A user who may not create uses what an administrator's program has made.
func TestUserWithFewRights(t *testing.T) {
	server := pgtest.Private(t)
	admin := pgtest.Connect(t, server.DSN)
	config := admin.Config()
	config.ConnConfig.User, config.ConnConfig.Password = "bot", "pw"
	if _, err := admin.Exec(t.Context(), "CREATE USER bot PASSWORD 'pw'"); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	_, err = New(t.Context(), pool, nil)
	if failure, ok := errors.AsType[*pgconn.PgError](err); !ok || failure.Code != "42501" || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("New without the right to create: %v", err)
	}
	if _, err := New(t.Context(), admin, nil); err != nil {
		t.Fatal(err)
	}
	for _, grant := range []string{
		"GRANT USAGE ON SCHEMA rollcall TO bot", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rollcall TO bot",
	} {
		if _, err := admin.Exec(t.Context(), grant); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(t.Context(), pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Error(err)
	}
	mustApply(t, s, annRecord())
	if err := errors.Join(s.Forget(t.Context(), ann, true), s.Withdraw(t.Context(), "crm")); err != nil {
		t.Error(err)
	}
}

func TestPoolThatIsClosedTooEarlyIsNamed(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s, err := New(t.Context(), pool, &Options{Schema: pgtest.Schema(t)})
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	_, read := s.Get(t.Context(), ann)
	_, wrote := s.Apply(t.Context(), []store.Record{annRecord()})
	_, opened := New(t.Context(), pool, nil)
	for call, err := range map[string]error{"Get": read, "Apply": wrote, "New": opened} {
		if !errors.Is(err, store.ErrClosed) || !strings.Contains(err.Error(), "the pool was closed") {
			t.Errorf("%s with a closed pool: %v", call, err)
		}
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	dsn := pgtest.DSN(t)
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2-canary"
	for name, change := range map[string]func(c *pgx.ConnConfig){
		"a wrong password":  func(c *pgx.ConnConfig) {},
		"nobody listens":    func(c *pgx.ConnConfig) { c.Port = 1 },
		"no such host":      func(c *pgx.ConnConfig) { c.Host = "nowhere.invalid" },
		"no such database":  func(c *pgx.ConnConfig) { c.Password = config.ConnConfig.Password; c.Database = secret + "-db" },
		"no answer in time": func(c *pgx.ConnConfig) { c.ConnectTimeout = time.Nanosecond },
	} {
		bad := config.Copy()
		bad.ConnConfig.Password = secret
		bad.ConnConfig.Fallbacks = nil
		change(bad.ConnConfig)
		pool, err := pgxpool.NewWithConfig(t.Context(), bad)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(t.Context(), pool, nil)
		pool.Close()
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: not only ErrUnavailable: %v", name, err)
		}
		for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			for _, word := range []string{secret, config.ConnConfig.Password, "postgres://", "user="} {
				if name != "no such database" && strings.Contains(text, word) {
					t.Errorf("%s: the error holds %q: %s", name, word, text)
				}
			}
		}
	}
}
