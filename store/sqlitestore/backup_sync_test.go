package sqlitestore

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// A name that reaches the disk before what it names is, after a power cut, the
// name of an empty backup.
func TestBackupIsSyncedBeforeItGetsItsName(t *testing.T) {
	s := temporary(t)
	if _, err := s.Apply(t.Context(), people(0, 10)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "copy")
	fsync := s.fsync
	var synced []string
	s.fsync = func(f *os.File) error {
		_, err := os.Stat(path)
		named := err == nil
		if f.Name() == dir {
			synced = append(synced, "folder")
			if !named {
				t.Error("the folder is synced before the backup's name is in it")
			}
			return fsync(f)
		}
		synced = append(synced, "file")
		if named {
			t.Error("the backup has its name before it is synced")
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if size, err := s.writer.number("PRAGMA page_size"); err != nil || info.Size() < 2*size {
			t.Errorf("%d bytes are there when the backup is synced, %v", info.Size(), err)
		}
		return fsync(f)
	}
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	want := []string{"file", "folder"}
	if runtime.GOOS == "windows" {
		want = want[:1]
	}
	if !slices.Equal(synced, want) {
		t.Errorf("synced were %v; want %v", synced, want)
	}
}

func TestBackupThatCannotBeSyncedIsNone(t *testing.T) {
	s := temporary(t)
	failing := errors.New("the disk is gone")
	s.fsync = func(*os.File) error { return failing }
	dir := t.TempDir()
	if err := s.Backup(t.Context(), filepath.Join(dir, "copy")); !errors.Is(err, failing) {
		t.Errorf("Backup returns %v when its file cannot be synced", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

// What cannot be synced says so only to a real fsync.
func TestSyncReachesTheSystem(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is known to refuse a sync of a device")
	}
	if err := temporary(t).sync(os.DevNull, os.O_RDWR); err == nil {
		t.Errorf("%s was synced", os.DevNull)
	}
}
