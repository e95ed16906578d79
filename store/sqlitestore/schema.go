package sqlitestore

import (
	"context"
	"fmt"
)

// applicationID stands in the header of our files ("roll"), where file(1) and
// SQLite's own application_id pragma find it.
const applicationID = 0x726f6c6c

// migrations bring a file from each schema version, which the user_version
// pragma holds, to the next. What is released is never edited: a change is a
// new entry at the end.
var migrations = []string{
	`CREATE TABLE profiles (
		id                     INTEGER PRIMARY KEY,
		channel                TEXT NOT NULL,
		user_id                TEXT NOT NULL,
		name                   TEXT,
		given_name             TEXT,
		family_name            TEXT,
		middle_name            TEXT,
		nickname               TEXT,
		preferred_username     TEXT,
		profile                TEXT,
		picture                TEXT,
		website                TEXT,
		email                  TEXT,
		email_verified         INTEGER NOT NULL,
		gender                 TEXT,
		birthdate              TEXT,
		zoneinfo               TEXT,
		locale                 TEXT,
		phone_number           TEXT,
		phone_number_verified  INTEGER NOT NULL,
		address_formatted      TEXT,
		address_street_address TEXT,
		address_locality       TEXT,
		address_region         TEXT,
		address_postal_code    TEXT,
		address_country        TEXT,
		username               TEXT,
		status                 TEXT,
		is_premium             INTEGER NOT NULL,
		bio                    TEXT,
		start_payload          TEXT,
		nicks                  TEXT,
		custom                 TEXT,
		first_seen             TEXT,
		last_seen              TEXT,
		search                 TEXT NOT NULL,
		record                 BLOB NOT NULL,
		UNIQUE (channel, user_id)
	) STRICT;
	CREATE TABLE tombstones (
		channel TEXT NOT NULL,
		user_id TEXT NOT NULL,
		PRIMARY KEY (channel, user_id)
	) STRICT, WITHOUT ROWID;`,
	// By person first: a change writes what it owes to all backends into one page.
	`CREATE TABLE backends (
		name           TEXT PRIMARY KEY,
		job            TEXT NOT NULL,
		cursor_channel TEXT NOT NULL,
		cursor_user_id TEXT NOT NULL,
		began          INTEGER NOT NULL,
		total          INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE TABLE standings (
		channel  TEXT NOT NULL,
		user_id  TEXT NOT NULL,
		backend  TEXT NOT NULL,
		state    TEXT NOT NULL,
		version  INTEGER NOT NULL,
		fields   TEXT NOT NULL,
		whole    INTEGER NOT NULL,
		erase    INTEGER NOT NULL,
		bulk     INTEGER NOT NULL,
		due      INTEGER NOT NULL,
		token    INTEGER NOT NULL,
		touched  INTEGER NOT NULL,
		attempts INTEGER NOT NULL,
		reason   TEXT NOT NULL,
		remote   TEXT NOT NULL,
		PRIMARY KEY (channel, user_id, backend)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX standings_owed ON standings (backend, bulk, due) WHERE state = 'owed';
	CREATE INDEX standings_dead ON standings (backend) WHERE state = 'dead';`,
}

// An identity is what tells whose file this is.
type identity struct {
	application int64
	version     int64
	tables      int64
}

// readIdentity asks number for what stands in the file's header and schema.
func readIdentity(number func(query string) (int64, error)) (id identity, err error) {
	if id.application, err = number("PRAGMA application_id"); err != nil {
		return id, err
	}
	if id.version, err = number("PRAGMA user_version"); err != nil {
		return id, err
	}
	id.tables, err = number("SELECT count(*) FROM sqlite_schema")
	return id, err
}

// check returns nil for a file of ours that is not newer than latest, and for
// an empty one that may become ours.
func (id identity) check(latest int64) error {
	switch {
	case id == identity{}:
		return nil
	case id.application != applicationID:
		return fmt.Errorf("%w: another program's SQLite file; choose another path", ErrForeign)
	case id.version < 1:
		return fmt.Errorf("%w: its schema version %d was never written", ErrCorrupt, id.version)
	case id.version > latest:
		return fmt.Errorf("%w: it has schema version %d, this program knows up to %d; update the program",
			ErrNewerSchema, id.version, latest)
	}
	return nil
}

// migrate brings the file up to date, one transaction a step, so that a kill
// leaves it at one version or the next. Several processes may do it at once.
func (s *Store) migrate(ctx context.Context, steps []string) error {
	latest := int64(len(steps))
	for current := false; !current; {
		err := s.write(ctx, func(w *conn) error {
			id, err := readIdentity(w.number)
			if err != nil {
				return err
			}
			if err := id.check(latest); err != nil {
				return err
			}
			if current = id.version == latest; current {
				return nil
			}
			return w.script(fmt.Sprintf("%s; PRAGMA application_id = %d; PRAGMA user_version = %d",
				steps[id.version], applicationID, id.version+1))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
