package pgstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/store"
)

// A dialect is how we speak to a server.
type dialect struct {
	begin   string // a transaction
	clock   string // selects the server's time and something else
	collate string // what makes a column compare bytewise
	// serial means that all transactions serialize, which does the work of the gate.
	serial bool
	// plain means that the server takes only what many take: see plainly.
	plain bool
}

var (
	postgres = dialect{
		// Each statement sees what was committed before it, which is what all row
		// locks here count on, whatever the default of the database is.
		begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
		// What is acknowledged is on the disk, also where the database is set to
		// synchronous_commit off. And everything is found by an index: the planner
		// would rather read the whole of a table of some 100,000, and keeps plans
		// that it made for an empty one.
		clock: `SELECT clock_timestamp(), set_config('enable_hashjoin', 'off', true) || set_config('enable_mergejoin', 'off', true) ||
			set_config('enable_seqscan', 'off', true) || set_config('enable_bitmapscan', 'off', true) || set_config('jit', 'off', true) ||
			CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) ELSE '' END`,
		collate: ` COLLATE "C"`,
	}
	// CockroachDB takes advisory locks for nothing. Its text is compared bytewise, and
	// text with a collation is another type.
	cockroach = dialect{begin: beginSerial, clock: plainClock, serial: true, plain: true}
	// YugabyteDB refuses advisory locks up to 2024.1, and takes READ COMMITTED for
	// another level unless it is told not to.
	yugabyte = dialect{begin: beginSerial, clock: plainClock, collate: ` COLLATE "C"`, serial: true, plain: true}
)

const (
	beginSerial = "BEGIN ISOLATION LEVEL SERIALIZABLE"
	plainClock  = "SELECT clock_timestamp(), ''"
)

// inspect asks what server it is.
func (s *Store) inspect(ctx context.Context) error {
	var version, encoding string
	err := s.read(ctx, func(c *pgxpool.Conn) error {
		return c.QueryRow(ctx, "SELECT version(), current_setting('server_encoding')").Scan(&version, &encoding)
	})
	if err != nil {
		return err
	}
	if !strings.EqualFold(encoding, "UTF8") && !strings.EqualFold(encoding, "UTF-8") {
		return fmt.Errorf("%w: the database has the encoding %s; create one with ENCODING 'UTF8'", store.ErrInvalid, encoding)
	}
	s.dialect = dialectOf(version)
	return nil
}

// dialectOf takes what a server says of itself, such as "PostgreSQL 15.12-YB-2.25.2.0-b0 on ...".
func dialectOf(version string) dialect {
	switch {
	case strings.Contains(version, "CockroachDB"):
		return cockroach
	case strings.Contains(version, "-YB-"):
		return yugabyte
	}
	return postgres
}

// sql returns a statement, which is written for Postgres and the schema rollcall, in
// our dialect and with our schema.
func (s *Store) sql(text string) string {
	if own, ok := s.texts.Load(text); ok {
		return own.(string)
	}
	own := text
	if s.dialect.plain {
		own = plainly(text)
	}
	own = strings.ReplaceAll(own, "rollcall.", pgx.Identifier{s.schema}.Sanitize()+".")
	s.texts.Store(text, own)
	return own
}

// plainTexts are statements in plain SQL, by what they are for Postgres.
var plainTexts = func() map[string]string {
	texts := map[string]string{
		lockPeopleSQL: lockPeoplePlain, peopleSQL: peoplePlain, recordsSQL: recordsPlain,
		standingsOfSQL: standingsOfPlain, lockStandingsSQL: lockStandingsPlain, lockStandingsWithSQL: lockStandingsWithPlain,
		updateStandingsSQL: updateStandingsPlain, dropStandingsSQL: dropStandingsPlain,
	}
	for w, text := range updatePeopleSQL {
		texts[text] = updatePeoplePlain[w]
	}
	return texts
}()

// plainly returns a statement without what only Postgres has.
func plainly(text string) string {
	if plain, ok := plainTexts[text]; ok {
		text = plain
	}
	return strings.ReplaceAll(text, tid, plainTID)
}
