package pgstore

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// migrations bring a schema from each version, which the table migrations holds,
// to the next. What is released is never edited: a change is a new entry at the
// end. Each runs in one transaction.
//
// A person is one row, kept or forgotten, so that the primary key alone keeps a
// tombstone and a late change apart.
var migrations = []string{
	`CREATE TABLE rollcall.people (
		channel                text COLLATE "C" NOT NULL,
		user_id                text COLLATE "C" NOT NULL,
		forgotten              boolean NOT NULL,
		name                   text,
		given_name             text,
		family_name            text,
		middle_name            text,
		nickname               text,
		preferred_username     text,
		profile                text,
		picture                text,
		website                text,
		email                  text,
		email_verified         boolean,
		gender                 text,
		birthdate              text,
		zoneinfo               text,
		locale                 text,
		phone_number           text,
		phone_number_verified  boolean,
		address_formatted      text,
		address_street_address text,
		address_locality       text,
		address_region         text,
		address_postal_code    text,
		address_country        text,
		username               text,
		status                 text,
		is_premium             boolean,
		bio                    text,
		start_payload          text,
		nicks                  jsonb,
		custom                 jsonb,
		first_seen             timestamptz,
		last_seen              timestamptz,
		search                 text COLLATE "C",
		record                 bytea,
		PRIMARY KEY (channel, user_id)
	) WITH (fillfactor = 90);
	CREATE VIEW rollcall.profiles AS SELECT channel, user_id,
		name, given_name, family_name, middle_name, nickname, preferred_username, profile, picture, website,
		email, email_verified, gender, birthdate, zoneinfo, locale, phone_number, phone_number_verified,
		address_formatted, address_street_address, address_locality, address_region, address_postal_code,
		address_country, username, status, is_premium, bio, start_payload, nicks, custom, first_seen, last_seen
		FROM rollcall.people WHERE NOT forgotten;
	CREATE TABLE rollcall.backends (
		name           text COLLATE "C" PRIMARY KEY,
		job            text NOT NULL,
		cursor_channel text NOT NULL,
		cursor_user_id text NOT NULL,
		began          timestamptz NOT NULL,
		total          bigint NOT NULL
	);
	CREATE TABLE rollcall.standings (
		channel  text COLLATE "C" NOT NULL,
		user_id  text COLLATE "C" NOT NULL,
		backend  text COLLATE "C" NOT NULL,
		state    text NOT NULL,
		version  bigint NOT NULL,
		fields   text NOT NULL,
		whole    boolean NOT NULL,
		erase    boolean NOT NULL,
		bulk     boolean NOT NULL,
		due      timestamptz NOT NULL,
		token    bigint NOT NULL,
		touched  boolean NOT NULL,
		attempts bigint NOT NULL,
		reason   text NOT NULL,
		remote   text NOT NULL,
		PRIMARY KEY (channel, user_id, backend)
	) WITH (fillfactor = 90);
	CREATE INDEX standings_owed ON rollcall.standings (backend, bulk, due, channel, user_id) WHERE state = 'owed';
	CREATE INDEX standings_dead ON rollcall.standings (backend, channel, user_id) WHERE state = 'dead'`,
}

const (
	countRelationsSQL = `SELECT count(*), count(*) FILTER (WHERE c.relname = 'migrations')
		FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1`
	versionSQL          = `SELECT coalesce(max(version), 0) FROM rollcall.migrations WHERE product = 'rollcall'`
	createMigrationsSQL = `CREATE TABLE rollcall.migrations (
		product text NOT NULL,
		version bigint NOT NULL,
		applied timestamptz NOT NULL,
		PRIMARY KEY (product, version));`
	addMigrationSQL = `; INSERT INTO rollcall.migrations (product, version, applied) VALUES ('rollcall', `
)

// migrate brings the schema up to date, one transaction a step, so that a process
// that is killed leaves it at one version or the next. The gate is closed to all
// others meanwhile.
func (s *Store) migrate(ctx context.Context, steps []string) error {
	latest := len(steps)
	// Without a lock first: a user who may not create can use what is there.
	version, err := s.version(ctx, latest)
	for err == nil && version < latest {
		err = s.transact(ctx, func(tx *transaction) error {
			tx.passGate(gateSQL)
			if err := tx.send(ctx); err != nil {
				return err
			}
			if version, err = readVersion(ctx, s, tx.conn, latest); err != nil || version == latest {
				return err
			}
			script := s.sql(strings.ReplaceAll(steps[version], ` COLLATE "C"`, s.dialect.collate))
			if version == 0 {
				script = "CREATE SCHEMA IF NOT EXISTS " + pgx.Identifier{s.schema}.Sanitize() + ";" + s.sql(createMigrationsSQL) + script
			}
			version++
			script += s.sql(addMigrationSQL) + strconv.Itoa(version) + ", clock_timestamp())"
			// As a script, since a statement cannot be prepared before its table is there.
			return tx.conn.Conn().PgConn().Exec(ctx, script).Close()
		})
	}
	return err
}

func (s *Store) version(ctx context.Context, latest int) (version int, err error) {
	err = s.read(ctx, func(c *pgxpool.Conn) error {
		version, err = readVersion(ctx, s, c, latest)
		return err
	})
	return version, err
}

// readVersion returns the version of the schema, 0 where there is none yet.
func readVersion(ctx context.Context, s *Store, c *pgxpool.Conn, latest int) (int, error) {
	var relations, ours int
	if err := c.QueryRow(ctx, countRelationsSQL, s.schema).Scan(&relations, &ours); err != nil {
		return 0, err
	}
	if relations == 0 {
		return 0, nil
	}
	if ours == 0 {
		return 0, fmt.Errorf("%w: it holds %d other relations; choose another schema", ErrForeign, relations)
	}
	var version int
	err := c.QueryRow(ctx, s.sql(versionSQL)).Scan(&version)
	switch {
	case missing(err) || err == nil && version == 0:
		return 0, fmt.Errorf("%w: its table migrations is another program's; choose another schema", ErrForeign)
	case err != nil:
		return 0, err
	case version < 0:
		return 0, fmt.Errorf("%w: its version %d was never written", ErrCorrupt, version)
	case version > latest:
		return 0, fmt.Errorf("%w: it has version %d, this program knows up to %d; update the program", ErrNewerSchema, version, latest)
	}
	return version, nil
}

// The gate is an advisory lock, which waits in turn and writes nothing. Who
// changes people holds it shared, while the list of backends that it has read must
// stay true. Who changes that list, or the tables, holds it alone.
const (
	gateSharedSQL = "SELECT pg_catalog.pg_advisory_xact_lock_shared($1)"
	gateSQL       = "SELECT pg_catalog.pg_advisory_xact_lock($1)"
)

// passGate queues one of these.
func (tx *transaction) passGate(text string) {
	if !tx.s.dialect.serial {
		tx.queued.Queue(text, tx.s.gate)
	}
}

// gateKey is another one for each schema, since a database has only one space of
// such locks. That two share one only makes them wait for each other.
func gateKey(schema string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("rollcall\x00" + schema))
	return int64(h.Sum64())
}
