// Package pgstore keeps profiles in a Postgres, for bots that outgrow one machine:
// any number of processes share one set of profiles, and the work of delivering
// them to backends.
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	if err != nil {
//		return err
//	}
//	defer pool.Close() // last
//	st, err := pgstore.New(ctx, pool, nil)
//	if err != nil {
//		return err
//	}
//	mw, err := middleware.New(st, nil)
//
// The pool is an ordinary one of [github.com/jackc/pgx/v5/pgxpool], which the bot may
// use for its own tables too. This package takes one connection for each call and
// gives it back. Two are enough for the bot's own profiles, and one more for each
// backend that the process delivers to; pool_max_conns in the URL sets how many there
// are, 4 or the number of processors if nothing does.
//
// # What the schema holds
//
// All tables stand in a schema of their own, [Options.Schema], "rollcall" if it is not
// set. New creates it and brings it up to date, in any number of processes at once. The
// user needs the right to create in the database for that. Where an administrator
// prefers to do it, let them run a program that calls New; afterwards the bot's user
// needs USAGE on the schema, and SELECT, INSERT, UPDATE and DELETE on its tables.
//
// The view profiles has one row for each person who is kept, with columns named as the
// JSON fields of [store.Profile], '_' standing for '.' ("address_country"):
//
//	SELECT user_id, name, username FROM rollcall.profiles
//	WHERE status = 'active' ORDER BY last_seen DESC LIMIT 10
//
// What is not known is NULL, nicks and custom are jsonb (custom ->> 'tier'), and times
// are timestamptz. It is for reading, and what to grant to people who look at profiles.
//
// The table people is what it shows, and more: the column record, of which all others
// are made, holds what each source said and when (see [store.Record]); search is the
// folded text that [store.Filter] searches; and a row with forgotten is a tombstone,
// with nothing but the key. A value that is written by hand is not seen by this
// package. To change a profile use Middleware.Set. Indexes of your own may be added, but
// no unique ones.
//
// The table backends has one row for each backend that is enrolled: the job that is
// under way with all people ("enroll", "resync", "withdraw", or none), how far it came,
// when it began and how many people it came past.
//
// The table standings has one row for each person and backend, a [store.Standing]: its
// state, the names of the fields that are owed (never their values) as a JSON array,
// whether the whole person is owed, when it is due, and after a vain attempt why. What
// is dead, and why:
//
//	SELECT backend, user_id, reason FROM rollcall.standings WHERE state = 'dead'
//
// The table migrations tells which versions of the schema were made, and when.
//
// # Several processes
//
// Each Apply locks the rows of its people, reads, merges and writes in one transaction,
// and merging does not depend on order, so nothing is lost or doubled. What is owed to
// backends is part of that transaction. Two processes that see a new person at the same
// moment both try to insert a row; the primary key lets one pass, which reports Created,
// and the other starts over and merges. Rows are locked in the order of keys. A deadlock
// or a failure to serialize, of which the server then chose this transaction as the
// victim, is tried again up to nine times before it becomes store.ErrUnavailable.
//
// Deliverers take turns by rows: Claim passes over what another one is claiming
// (SKIP LOCKED), and holds what it got by a lease, so what a dead process has claimed is
// taken over when that is over. Leases and retries are timed by the server's clock alone.
//
// Enroll and Withdraw wait, once, until every Apply that is under way has ended, by an
// advisory lock whose key is made of the schema's name.
//
// A trigger or a rule of your own on the tables must not keep back what is updated: Apply
// counts the rows, and fails where one is missing, though the others are saved then.
//
// # Settings, and why
//
//   - What Apply has returned is on the server's disk, also where the database is set
//     to synchronous_commit off: transactions here set it on for themselves. With fsync
//     off nothing can help. A standby gets what synchronous_standby_names says.
//   - Transactions are READ COMMITTED, whatever the default of the database is, since
//     each statement has to see what was committed while it waited for a lock.
//   - Keys are compared bytewise (COLLATE "C"), whatever the database's language is. Its
//     encoding must be UTF8.
//   - lock_timeout, statement_timeout and the like are yours: set them in the pool's
//     URL. What they end is store.ErrUnavailable, and nothing happened.
//   - PgBouncer in transaction mode works from version 1.21 on, which knows prepared
//     statements, or with default_query_exec_mode=exec in the pool's URL (or
//     simple_protocol, which costs more). In statement mode it cannot work.
//   - With exec and simple_protocol pgx reads and writes text, in the server's usual form.
//     Where a database is set otherwise nothing can be saved, until ALTER ROLE sets
//     DateStyle to ISO, bytea_output to hex and array_nulls to on for the bot's user.
//
// # When the server is away
//
// A call whose connection turns out to be dead takes another one, as long as it has not
// sent its COMMIT. What cannot be reached is store.ErrUnavailable, at once; the
// middleware keeps what it has and comes back. Where the connection breaks while the
// server commits, nobody can know whether it did. To apply the same again is harmless,
// since merging is idempotent.
//
// Where several hosts stand in the URL, and target_session_attrs=read-write, the pool
// finds the one that took over. A connection whose server has become a standby, or takes
// no changes for another reason, is closed after the first call that it failed.
//
// A connection that the network has forgotten, without a reset, looks alive: who takes
// it waits until their context ends, with the middleware 30 seconds, and the pool may
// hold several. Where that happens (NAT, failovers, firewalls) set PingTimeout of
// pgxpool.Config to a second or so: the pool asks a connection that was idle for a second
// whether it is there before it lends it, and without that bound the question waits as
// long. After the line to the server had been cut in silence and was back, it took a pool
// of three connections 59 seconds until a change was durable again, and 28 with a
// PingTimeout of one second (one run each, through toxiproxy). For what is under way let
// the system end connections that do not answer: a short Idle and Interval in
// KeepAliveConfig of the [net.Dialer] whose DialContext is ConnConfig.DialFunc, and, for
// what was sent and is not acknowledged, where keepalive does not look, the socket option
// TCP_USER_TIMEOUT in its Control (Linux). On the server tcp_keepalives_idle and
// tcp_user_timeout free the locks of clients that are gone.
//
// # Forgetting, and what Postgres keeps
//
// After Forget no reader finds the person. Old bytes stay in the server's files for
// longer, as with anything that Postgres deletes: in the table until VACUUM has been
// there (autovacuum does it in its own time; VACUUM rollcall.people, rollcall.standings
// at once) and the place is used again, in the write-ahead log until it is recycled, in
// its archive, on standbys, and in backups. Where that matters, keep the archive and the
// backups no longer than you may, and forget again what a restored backup brings back:
// the tombstones of people who were forgotten since are not in it. Keep statements with
// their parameters out of the server's log (log_parameter_max_length_on_error is 0 by
// default; log_statement and log_min_duration_statement write names into it, unless
// log_parameter_max_length is 0).
//
// # Backup
//
// pg_dump -n rollcall makes a consistent copy while everything goes on, and so do
// physical backups. Restore it into an empty database while no bot runs. To move to or
// from another kind of store use store.Copy.
//
// # Damage
//
// A row that cannot be read stops nobody else: where it was owed, it becomes a dead
// letter. A standing is made good by the next change of the person or by Resync; a record
// stays [ErrCorrupt], also for a listing that comes to it, until Forget.
//
// # Limits
//
// Listing by anything but the key reads the whole table; add an index for what you ask
// often, or ask the view. Keep people of one Apply below some thousands.
//
// # Which servers
//
// This is written for and tested with Postgres 15. Of what younger and older versions
// have it uses only what they share: unnest with several arrays and WITH ORDINALITY,
// LATERAL, ON CONFLICT, SKIP LOCKED, jsonb, partial indexes, advisory locks, and updates
// by ctid of rows that the transaction has locked, which Postgres 11 and older do slowly.
//
// It was never run on CockroachDB or YugabyteDB. New tells them by version(), and then
// sends plain SQL: no ctid, no LATERAL, no setting of the planner, and no advisory lock,
// which CockroachDB takes for nothing and YugabyteDB refused until 2025. All
// transactions are SERIALIZABLE there, which does the work of the lock, and what is
// refused for the sake of another is tried again. CockroachDB's tables have no COLLATE.
// The tests run the whole contract of package storetest, and several writers at once, on
// a Postgres that says it is one of these, and look through all that is sent for what
// their documentation excludes. What is left to be found out over there: whether all
// else is understood, such as FOR UPDATE SKIP LOCKED in a WITH, LIMIT of a subquery and
// the tables of New in one transaction, and how fast it is.
package pgstore
