//go:build unix

package sqlitestore

import "golang.org/x/sys/unix"

// writable asks the system whether this user may write the file. To find out by
// opening it would drop the locks that other Stores of this process have on it;
// SQLite, which falls back to reading, leaves a log behind that nobody can write.
func writable(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
}
