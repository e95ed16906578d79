// Package sqlitestore keeps profiles in one SQLite file. It is the store to
// start with: no server, no cgo, and a file that every SQLite tool reads.
//
//	st, err := sqlitestore.Open("users.db")
//	if err != nil {
//		return err
//	}
//	defer st.Close() // after Middleware.Close
//	mw, err := middleware.New(st, nil)
//
// # What the file holds
//
// The table profiles has one row a person, whose columns are named as the JSON
// fields of [store.Profile], with '_' for '.' ("address_country"):
//
//	sqlite3 -readonly users.db "SELECT user_id, name, username FROM profiles
//	    WHERE status = 'active' ORDER BY last_seen DESC LIMIT 10"
//
// What is not known is NULL, flags are 0 or 1, nicks and custom are JSON objects
// (custom ->> 'tier'), and times are RFC 3339 text in UTC, which sorts and which
// SQLite's datetime reads. The column search is the folded text that
// [store.Filter] searches.
//
// All these are for reading. They are made from the column record, which holds
// what each source said and when (see [store.Record]), and a value that is
// written into them by hand is not seen by this package. To change a profile use
// Middleware.Set. Indexes and views of your own may be added.
//
// The table tombstones has the keys of people who were forgotten for good.
//
// The table backends has one row for each backend that is enrolled: the job that
// is under way with all people ("enroll", "resync", "withdraw", or none), how far
// it came, when it began (in milliseconds since 1970) and how many people it was
// about so far.
//
// The table standings has one row for each person and backend, a [store.Standing]:
// its state, the names of the fields that are owed (never their values) as a JSON
// array, whether the whole person is owed, in milliseconds since 1970 when it is
// due, or since when the state is what it is, and after a vain attempt why. What is
// dead, since when, and why:
//
//	sqlite3 -readonly users.db "SELECT backend, user_id, datetime(due / 1000,
//	    'unixepoch'), reason FROM standings WHERE state = 'dead'"
//
// # Settings, and why
//
//   - A write-ahead log (journal_mode wal): readers and the writer do not wait
//     for each other. The files users.db-wal and users.db-shm belong to users.db
//     while it is open: move, copy or delete none of them alone.
//   - synchronous full: what Apply has returned is on the disk, also after a
//     power cut. With "normal" a power cut loses the last commits. In batches it
//     costs little, since there is one sync a batch.
//   - Immediate transactions: what is read before a write cannot be outdated by
//     another process.
//   - secure_delete and, in Forget, a truncating checkpoint: a forgotten name is
//     overwritten in the file and gone from the log. Older copies may stand in its
//     gaps until [Store.Scrub].
//   - wal_autocheckpoint 8000 pages (32 MB): random updates are about 1.3 times
//     as fast as with the default 1000. journal_size_limit gives back what the
//     log needs beyond 64 MB.
//   - cache_size 16 MB for the connection that writes: the default of 2 MB cannot
//     hold a batch that is owed to three backends, which then takes twice as long.
//   - temp_store memory: no names in temporary files, but for those of Scrub.
//   - The files are readable by their owner only.
//   - SQLite below 3.51.3 is refused: its log can lose commits when several
//     connections write.
//
// # Several processes
//
// A second bot, a script or a backup may have the file open at the same time.
// Each Apply reads, merges and writes in one transaction, and merging does not
// depend on order, so nothing is lost or doubled. What it owes to backends is part
// of that transaction, also where another process enrolled them, and any of the
// processes may deliver. A process may be killed at any time; one that is killed
// while it enrolls a backend leaves that to whoever calls Enroll next.
//
// SQLite's locks know no turns: a process that writes without a pause can keep
// another waiting, for up to five seconds; then the other gets an error that wraps
// store.ErrUnavailable, and tries again.
//
// # Backup
//
// [Store.Backup] writes a copy while everything goes on. To restore, stop the
// bot, move users.db, users.db-wal and users.db-shm away together, and put the
// copy in the place of users.db. A backup still holds who was forgotten after it
// was made.
//
// # Moving to another store, or from one
//
// [store.Copy] brings all that one store holds to another, some 20,000 people a
// second from file to file, in the same memory whatever their number. It may run
// while the bot does. Nobody who was delivered before is delivered again
// for it.
//
// # Limits
//
// Keep the file on a local disk. Network file systems (NFS, SMB) do not lock as
// SQLite needs it, and processes in different machines or virtual machines
// cannot share the log. A disk that says that a sync is done when it is not can
// lose and damage what was acknowledged in a power cut. One writer at a time
// writes some ten thousands of rows a second in batches of 500, far more than
// profiles change; listing by anything but the key reads the whole table.
// Damage inside a file is found only when the damaged page is read; run
// "PRAGMA integrity_check" after a fault of the disk. One row that is damaged does
// not stop what is done for all others: to backends the person is a dead letter,
// whose reason says so, and where it is the row of the person, Get and Apply return
// [ErrCorrupt] until Forget removes what is left.
package sqlitestore
