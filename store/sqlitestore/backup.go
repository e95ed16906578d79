package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// Backup writes a copy of the file, as it is at one moment, to path, which must
// not exist. Reads and writes go on meanwhile, but Forget has to wait for the
// end. The copy is complete and synced to the disk before it gets its name; it
// is readable by its owner only, and is opened with [Open]. Who is killed meanwhile
// leaves a file beside it, whose name ends in ".partial-" and a number: remove it, since
// people are in it.
//
// The error wraps store.ErrInvalid for a path that cannot be one, fs.ErrExist where
// something is there, and fs.ErrNotExist where there is no such folder.
//
// To copy users.db by other means while it is open is no backup: what was
// written last is in users.db-wal.
func (s *Store) Backup(ctx context.Context, path string) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	if err := s.backup(ctx, path); err != nil {
		return s.fail(ctx, "backup to "+strconv.Quote(path), err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) error {
	if err := s.open(); err != nil {
		return err
	}
	path, err := resolve(path)
	if err != nil {
		return err
	}
	if err := absent(path); err != nil {
		return err
	}
	// SQLite would create the file readable by everybody.
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".partial-*")
	if err != nil {
		return err
	}
	partial := f.Name()
	defer os.Remove(partial)
	if err := f.Close(); err != nil {
		return err
	}
	err = s.patiently(ctx, func() error {
		_, err := s.readers.ExecContext(ctx, "VACUUM INTO ?", uri(partial, nil))
		return err
	})
	if err != nil {
		return err
	}
	if err := s.sync(partial, os.O_RDWR); err != nil {
		return err
	}
	if err := publish(partial, path); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // which cannot sync a folder
	}
	return s.sync(filepath.Dir(path), os.O_RDONLY)
}

// publish gives the file at partial its name, unless somebody took that meanwhile.
func publish(partial, path string) error {
	err := os.Link(partial, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// A file system without hard links.
	if err := absent(path); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

func absent(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%w; a backup never replaces a file", fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) sync(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(s.fsync(f), f.Close())
}
