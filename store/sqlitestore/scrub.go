package sqlitestore

import (
	"context"
	"errors"
)

// Scrub rewrites the file, so that nothing is left of what was erased or replaced.
//
// SQLite overwrites what it deletes (secure_delete), but not what it leaves behind
// when it makes room and moves a row to another page: where people were saved in no
// order and changed often, an older copy of one in some hundred rows stands in the gaps
// of the file until new rows take its place. Nobody can read it by this package, and
// Forget does not find it.
//
// It takes as long as to copy the file, in which nobody else can write and all who
// observe have it wait in memory; room for two more copies of the file meanwhile, one of
// them where SQLite keeps temporary files; and once begun it does not heed ctx. So run it
// at night, as often as your policy promises. Several processes may use the file. Where
// it fails the file is as before, or rewritten with its log not emptied yet: the error
// wraps store.ErrUnavailable, and to call it again is right.
func (s *Store) Scrub(ctx context.Context) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	err := s.patiently(ctx, func() error { return s.vacuum(ctx) })
	if err == nil {
		err = s.checkpoint(ctx)
	}
	if err != nil {
		return s.fail(ctx, "scrub", err)
	}
	return nil
}

// vacuum has the copy in a file: that of a million people would take 300 MB of memory.
func (s *Store) vacuum(ctx context.Context) (err error) {
	w, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.release()
	if err := w.script("PRAGMA temp_store = file"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.script("PRAGMA temp_store = memory")) }()
	return w.script("VACUUM")
}
