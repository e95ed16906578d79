package main

import (
	"database/sql"
	"errors"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/lib/pq" // the driver "postgres"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store/pgstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

const (
	traceName    = "1 M messages of 50,000 people, 2 % changed, "
	traceLimit   = "who has not changed is told apart in memory; the others make a transaction of each message"
	timeAMessage = "time a message"
)

var prefix = "the first " + number(tracePrefix) + " messages"

// sqliteTrace is the trace into a file, against those who write each message.
func sqliteTrace() Subject {
	const (
		wal     = "database/sql, WAL"
		journal = "database/sql, default journal"
		orm     = "GORM OnConflict"
	)
	return Subject{
		Name: traceName + "SQLite",
		Sides: []Side{
			{Name: "rollcall", Once: func(e *Env) (Reading, error) {
				st, err := sqlitestore.Open(filepath.Join(e.Dir, "users.db"))
				if err != nil {
					return nil, err
				}
				e.Cleanup(st.Close)
				return observeTrace(e, st)
			}},
			{Name: wal, Once: func(e *Env) (Reading, error) {
				return execTrace(e, "sqlite", sqliteFile(e)+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
			}},
			{Name: journal, Once: func(e *Env) (Reading, error) { return execTrace(e, "sqlite", sqliteFile(e)) }},
			{Name: orm, Once: func(e *Env) (Reading, error) {
				db, err := sql.Open("sqlite", sqliteFile(e))
				if err != nil {
					return nil, err
				}
				db.SetMaxOpenConns(1)
				e.Cleanup(db.Close)
				return gormTrace(sqlite.New(sqlite.Config{Conn: db}))
			}},
		},
		Rounds: 1,
		Claims: []Claim{
			{Of: timeAMessage, Metric: Time, Against: wal, Form: Times, Wanted: AtLeast(60), Limit: traceLimit, TheirPart: prefix},
			{Of: timeAMessage, Metric: Time, Against: journal, Form: Times, Wanted: AtLeast(120), Limit: traceLimit, TheirPart: prefix},
			{Of: timeAMessage, Metric: Time, Against: orm, Form: Times, Wanted: AtLeast(120), Limit: traceLimit, TheirPart: prefix},
			{Of: "rows written", Metric: rowsWritten, Form: Value, Wanted: AtMost(5.5), Possible: new(100.0 * traceComers / traceMessages), Limit: "each person once, and each change that is not followed by another before it is saved"},
		},
	}
}

func sqliteFile(e *Env) string { return "file:" + filepath.ToSlash(filepath.Join(e.Dir, "users.db")) }

// postgresTrace is the same into a server on this machine, which syncs what it
// commits.
func postgresTrace() Subject {
	const (
		single = "pgx, a statement a message"
		pq     = "lib/pq, a statement a message"
		orm    = "GORM OnConflict"
	)
	var dsn string
	users := func(once func(e *Env) (Reading, error)) func(*Env) (Reading, error) {
		return func(e *Env) (Reading, error) {
			db, err := sql.Open("postgres", dsn)
			if err != nil {
				return nil, err
			}
			defer db.Close()
			if _, err := db.ExecContext(e, "DROP TABLE IF EXISTS users"); err != nil {
				return nil, err
			}
			return once(e)
		}
	}
	return Subject{
		Name: traceName + "Postgres",
		Prepare: func(e *Env) error {
			server, err := pgtest.Start()
			if errors.Is(err, pgtest.ErrMissing) {
				return UnavailableError("Postgres is not installed")
			} else if err != nil {
				return err
			}
			e.Cleanup(server.End)
			dsn = server.DSN
			return nil
		},
		Sides: []Side{
			{Name: "rollcall", Once: func(e *Env) (Reading, error) {
				pool, err := pgxpool.New(e, dsn)
				if err != nil {
					return nil, err
				}
				e.Cleanup(func() error { pool.Close(); return nil })
				if _, err := pool.Exec(e, "DROP SCHEMA IF EXISTS rollcall CASCADE"); err != nil {
					return nil, err
				}
				st, err := pgstore.New(e, pool, nil)
				if err != nil {
					return nil, err
				}
				e.Cleanup(st.Close)
				return observeTrace(e, st)
			}},
			{Name: single, Once: users(func(e *Env) (Reading, error) {
				pool, err := pgxpool.New(e, dsn)
				if err != nil {
					return nil, err
				}
				defer pool.Close()
				if _, err := pool.Exec(e, createUsers); err != nil {
					return nil, err
				}
				return upsertTrace(func(u *user) error {
					_, err := pool.Exec(e, upsertUser, u.values()...)
					return err
				})
			})},
			{Name: pq, Once: users(func(e *Env) (Reading, error) { return execTrace(e, "postgres", dsn) })},
			{Name: orm, Once: users(func(*Env) (Reading, error) { return gormTrace(postgres.Open(dsn)) })},
		},
		Rounds: 1,
		Claims: []Claim{
			{Of: timeAMessage, Metric: Time, Against: single, Form: Times, Wanted: AtLeast(200), Limit: traceLimit, TheirPart: prefix},
			{Of: timeAMessage, Metric: Time, Against: pq, Form: Times, Wanted: AtLeast(350), Limit: traceLimit, TheirPart: prefix},
			{Of: timeAMessage, Metric: Time, Against: orm, Form: Times, Wanted: AtLeast(350), Limit: traceLimit, TheirPart: prefix},
			{Of: "rows written", Metric: rowsWritten, Form: Value, Wanted: AtMost(5.5), Possible: new(100.0 * traceComers / traceMessages), Limit: "as with SQLite"},
		},
	}
}

// execTrace upserts by database/sql.
func execTrace(e *Env, driver, dsn string) (Reading, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(e, createUsers); err != nil {
		return nil, err
	}
	return upsertTrace(func(u *user) error {
		_, err := db.ExecContext(e, upsertUser, u.values()...)
		return err
	})
}

func gormTrace(dialector gorm.Dialector) (Reading, error) {
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	if err := db.AutoMigrate(&user{}); err != nil {
		return nil, err
	}
	r, err := upsertTrace(func(u *user) error {
		return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(u).Error
	})
	if pool, perr := db.DB(); perr == nil {
		err = errors.Join(err, pool.Close())
	}
	return r, err
}
