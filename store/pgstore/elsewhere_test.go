package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

// versions are what the servers say of themselves that were not at hand. A Postgres
// that says so shows that what they are asked is SQL that keeps the contract, with no
// more than that transactions serialize.
var versions = map[string]string{
	"CockroachDB": "CockroachDB CCL v24.3.1 (x86_64-pc-linux-gnu, built 2024/12/05 16:29:13, go1.22.8 X:nocoverageredesign)",
	"YugabyteDB":  "PostgreSQL 15.12-YB-2.25.2.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 17.0.6, 64-bit",
}

// strange are what their documentation says that they do not have, or have another
// meaning for: PostgreSQL compatibility of CockroachDB, explicit locking, LISTEN and
// system columns of YugabyteDB.
var strange = map[string]*regexp.Regexp{
	"an advisory lock":                       regexp.MustCompile(`(?i)advisory`),
	"a place of a row":                       regexp.MustCompile(`(?i)\b(ctid|xmin|xmax|tableoid|tid)\b`),
	"a setting of Postgres' planner or log":  regexp.MustCompile(`(?i)set_config|\bset\s+(local|session)|synchronous_commit`),
	"a notification":                         regexp.MustCompile(`(?i)\b(listen|notify|unlisten)\b`),
	"a lock of a table":                      regexp.MustCompile(`(?i)\block\s+table\b`),
	"an isolation that is not the strictest": regexp.MustCompile(`(?i)read committed`),
	"MERGE":                                  regexp.MustCompile(`(?i)\bmerge\s+into\b`),
	"COPY":                                   regexp.MustCompile(`(?i)^\s*copy\b`),
	"a cursor":                               regexp.MustCompile(`(?i)\bdeclare\b.*\bcursor\b`),
	"a function or trigger":                  regexp.MustCompile(`(?i)\bcreate\s+(or\s+replace\s+)?(function|trigger|procedure|rule)\b`),
	"a constraint of ON CONFLICT by name":    regexp.MustCompile(`(?i)on\s+conflict\s+on\s+constraint`),
	"a lock in a lateral subquery":           regexp.MustCompile(`(?is)lateral\s*\(.*for\s+(no\s+key\s+)?(update|share)`),
}

// A listener hears all that is sent, and what is refused because of others.
type listener struct {
	mu        sync.Mutex
	said      map[string]bool
	conflicts int
}

func (l *listener) note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said[text] = true
}

func (l *listener) failed(err error) {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok && failure.Code == "40001" {
		l.conflicts++
	}
}

func (l *listener) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	l.note(d.SQL)
	return ctx
}

func (l *listener) TraceQueryEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	l.failed(d.Err)
}

func (l *listener) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	for _, q := range d.Batch.QueuedQueries {
		l.note(q.SQL)
	}
	return ctx
}

func (l *listener) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	l.failed(d.Err)
}

func (l *listener) TraceBatchEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchEndData) {
	l.failed(d.Err)
}

// disguised returns connections to a Postgres that says it is another server.
func disguised(t *testing.T, version string) (*pgxpool.Pool, *listener) {
	t.Helper()
	admin := pgtest.Pool(t)
	schema := pgx.Identifier{pgtest.Schema(t)}.Sanitize()
	if _, err := admin.Exec(t.Context(), "CREATE SCHEMA "+schema+
		"; CREATE FUNCTION "+schema+".version() RETURNS text LANGUAGE sql AS $$ SELECT '"+version+"' $$"); err != nil {
		t.Fatal(err)
	}
	l := &listener{said: make(map[string]bool)}
	config := admin.Config()
	config.ConnConfig.Tracer = l
	config.ConnConfig.RuntimeParams["search_path"] = schema + ", pg_catalog"
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	config.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, l
}

// CockroachDB and YugabyteDB get statements without anything that they are known to
// refuse or to take for something else, and these statements keep the contract.
func TestContractInPlainSQL(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			pool, l := disguised(t, version)
			var schema string
			storetest.Run(t, func(t *testing.T) store.Store {
				schema = pgtest.Schema(t)
				return open(t, pool, schema)
			}, storetest.Reopen(func(t *testing.T, st store.Store) store.Store {
				if err := st.(*pgstore.Store).Close(); err != nil {
					t.Fatal(err)
				}
				return open(t, pool, schema)
			}))
			texts := append(l.texts(), pgstore.Migrations...)
			for what, pattern := range strange {
				for _, text := range texts {
					if pattern.MatchString(text) {
						t.Errorf("%s: %s", what, text)
					}
				}
			}
			serial := false
			for _, text := range texts {
				serial = serial || strings.Contains(text, "ISOLATION LEVEL SERIALIZABLE")
			}
			if !serial || len(texts) < 40 {
				t.Errorf("the test is blind: %d statements, one of which serializes: %t", len(texts), serial)
			}
			if l.conflicts == 0 {
				t.Error("the test is blind: no transaction stood in the way of another")
			}
			t.Logf("%d statements; %d times a transaction was refused for the sake of another", len(texts), l.conflicts)
		})
	}
}

// texts are the statements that were heard, each with the same schema.
func (l *listener) texts() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := regexp.MustCompile(`"Test [a-z0-9]+"`)
	said := make(map[string]bool)
	for text := range l.said {
		said[name.ReplaceAllString(text, "rollcall")] = true
	}
	texts := make([]string, 0, len(said))
	for text := range said {
		texts = append(texts, text)
	}
	return texts
}

// Nothing but serializing keeps these apart in plain SQL: who creates the schema,
// changes that begin before a backend is enrolled, and deliverers of the same people.
func TestPlainSQLMerges(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			pool, l := disguised(t, version)
			schema := pgtest.Schema(t)
			var wg sync.WaitGroup
			created := make([]int, parts)
			errs := make([]error, len(created)+1)
			for i := range created {
				wg.Go(func() {
					st, err := pgstore.New(t.Context(), pool, &pgstore.Options{Schema: schema})
					if err == nil {
						created[i], err = hammer(t.Context(), patient{st}, i)
					}
					errs[i] = err
				})
			}
			wg.Go(func() {
				st, err := pgstore.New(t.Context(), pool, &pgstore.Options{Schema: schema})
				for _, backend := range []string{"crm", "hook"} {
					if err == nil {
						err = untilAvailable(func() error { return st.Enroll(t.Context(), backend) })
					}
				}
				errs[len(created)] = err
			})
			wg.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			st := open(t, pool, schema)
			checkShared(t, st, created, []string{"crm", "hook"})
			t.Logf("%d times a transaction was refused for the sake of another", l.conflicts)
		})
	}
}

// A patient store tries again what others are in the way of, as the middleware does.
type patient struct{ store.Store }

func (p patient) Apply(ctx context.Context, deltas []store.Record) (changes []store.Change, err error) {
	err = untilAvailable(func() error {
		changes, err = p.Store.Apply(ctx, deltas)
		return err
	})
	return changes, err
}

func untilAvailable(call func() error) error {
	for range 100 {
		if err := call(); !errors.Is(err, store.ErrUnavailable) {
			return err
		}
	}
	return fmt.Errorf("never available: %w", call())
}
