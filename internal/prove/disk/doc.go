// Package disk is a disk under SQLite that can be full, fail, and lose its power.
//
//	d, err := disk.Attach(dir)    // before anything in dir is opened
//	st, err := sqlitestore.Open(filepath.Join(dir, "users.db"))
//	...                           // work; acknowledged at d.Now()
//	r := d.Replay(0)
//	r.To(position)                // the power fails here
//	r.Image(other, disk.Damage{Keep: 0.5, Sector: 512, Random: rnd})
//
// It is a VFS, registered with SQLite as the default one of the process, so that what
// is under test is opened as ever. It hands every call on to SQLite's own VFS and
// notes, in their order, all that change a file or a folder, and all that make a
// change durable. SQLite's src/test6.c tests SQLite in the same way.
//
// # What a power cut leaves
//
// What a file held at its last sync is there. Of what was written later each sector
// may be there or not, by itself, whatever the order of the writes. A file that was
// made or removed is so for certain only once its folder was synced; the unix VFS is
// watched for that, since it does so inside of other calls.
//
// What one write puts into one sector is there whole or not at all, and a write
// changes no other byte: SQLite takes that for granted of any disk (its
// SQLITE_IOCAP_POWERSAFE_OVERWRITE).
//
// The shared memory of the log (users.db-shm) is handed on, and no image has it: it is
// made anew by whoever opens the file first. What a process does to files past SQLite
// is not seen: an empty file that is there when SQLite opens it counts as made at that
// moment.
package disk
