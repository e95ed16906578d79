package disk

import sqlite3 "modernc.org/sqlite/lib"

// A Kind says what a call of SQLite's asks of the disk.
type Kind uint8

// The calls that can fail.
const (
	Open Kind = iota
	Delete
	Access
	Read
	Write
	Truncate
	Sync
	Size
	Lock
	ShmMap
	ShmLock
)

var kindNames = [...]string{"open", "delete", "access", "read", "write", "truncate", "sync", "size", "lock", "map shared memory", "lock shared memory"}

func (k Kind) String() string { return kindNames[k] }

// A Call is one that is about to be made.
type Call struct {
	Kind Kind
	Path string
}

// A Code is a result code of SQLite's. Zero lets a call go on.
type Code = int32

// Failure returns the code of an I/O error of that kind.
func (k Kind) Failure() Code {
	return [...]Code{
		Open: sqlite3.SQLITE_CANTOPEN, Delete: sqlite3.SQLITE_IOERR_DELETE, Access: sqlite3.SQLITE_IOERR_ACCESS,
		Read: sqlite3.SQLITE_IOERR_READ, Write: sqlite3.SQLITE_IOERR_WRITE, Truncate: sqlite3.SQLITE_IOERR_TRUNCATE,
		Sync: sqlite3.SQLITE_IOERR_FSYNC, Size: sqlite3.SQLITE_IOERR_FSTAT, Lock: sqlite3.SQLITE_IOERR_LOCK,
		ShmMap: sqlite3.SQLITE_IOERR_SHMMAP, ShmLock: sqlite3.SQLITE_IOERR_SHMLOCK,
	}[k]
}

// Fail asks decide about every call from now on, on whatever goroutine makes it, and
// lets those fail for which it returns a code. nil lets all go on.
func (d *Disk) Fail(decide func(Call) Code) {
	if decide == nil {
		d.decide.Store(nil)
		return
	}
	d.decide.Store(&decide)
}

func (d *Disk) admit(c Call) Code {
	if decide := d.decide.Load(); decide != nil {
		return (*decide)(c)
	}
	return sqlite3.SQLITE_OK
}

func (f *file) admit(k Kind) Code { return f.disk.admit(Call{Kind: k, Path: f.path}) }
