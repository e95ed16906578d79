package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A copy of users.db alone has none of the last rows, which are in the log.
func TestBackupUnderLoadHoldsAllThatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	st := open(t, filepath.Join(dir, "users.db"))
	key := func(n int64) store.Key { return store.Key{Channel: "telegram", UserID: fmt.Sprint(n)} }
	var acked atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for n := int64(1); ctx.Err() == nil; n++ {
			if _, err := st.Apply(context.WithoutCancel(ctx), []store.Record{observed(key(n), epoch, nil)}); err != nil {
				done <- err
				return
			}
			acked.Store(n)
		}
		done <- nil
	}()
	backups := 0
	for i := range 5 {
		for acked.Load() < int64(20*i+20) {
			time.Sleep(time.Millisecond)
		}
		before := acked.Load()
		path := filepath.Join(dir, fmt.Sprint("copy ", i))
		if err := st.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		after := acked.Load() + 1
		backup := open(t, path)
		n := int64(0)
		for _, err := range backup.List(t.Context(), store.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n < before || n > after {
			t.Errorf("backup %d holds %d people; %d were acknowledged before it, at most %d after", i, n, before, after)
		}
		apply(t, backup, annRecord())
		backups++
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Attr("figure", fmt.Sprintf("%d backups, %d people acknowledged meanwhile, 0 lost", backups, acked.Load()))
}

func TestBackupReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	st := open(t, filepath.Join(dir, "users.db"))
	path := filepath.Join(dir, "precious")
	write(t, path, []byte("precious"))
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(dir, "dangling"), filepath.Join(dir, "users.db"), dir} {
		if err := st.Backup(t.Context(), path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Backup to %s: %v; want it to wrap fs.ErrExist", filepath.Base(path), err)
		}
	}
	if got := string(read(t, path)); got != "precious" {
		t.Errorf("the file that was in the way holds %q", got)
	}
}

func TestBackupThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	st := open(t, filepath.Join(dir, "users.db"))
	apply(t, st, annRecord())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target := t.TempDir()
	if err := st.Backup(ctx, filepath.Join(target, "copy")); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	if err := st.Backup(t.Context(), filepath.Join(target, "missing", "copy")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into a missing folder: %v", err)
	}
	if left := folder(t, target); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := st.Backup(t.Context(), filepath.Join(target, "copy")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
