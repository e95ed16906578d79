package sqlitestore_test

import (
	"bytes"
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func observed(key store.Key, at time.Time, set map[store.Field]string) store.Record {
	return store.Patch{Key: key, At: at, Set: set}.Record()
}

var (
	ann   = store.Key{Channel: "telegram", UserID: "42"}
	epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func annRecord() store.Record {
	return observed(ann, epoch, map[store.Field]string{store.FieldGivenName: "Ann"})
}

func apply(t *testing.T, st store.Store, deltas ...store.Record) {
	t.Helper()
	if _, err := st.Apply(t.Context(), deltas); err != nil {
		t.Fatal(err)
	}
}

// shell runs statements as the sqlite3 shell would: with another program's
// connection.
func shell(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func saved(t *testing.T, path string) {
	t.Helper()
	st, err := sqlitestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, st, annRecord())
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesAndDamagesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
		says string
	}{
		{"a text file", func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("not a database\n", 1000)))
		}, sqlitestore.ErrForeign, "choose another path"},
		{"a short file", func(t *testing.T, path string) { write(t, path, []byte("x")) }, sqlitestore.ErrForeign, "choose another path"},
		{"another program's file", func(t *testing.T, path string) {
			shell(t, path, "CREATE TABLE profiles (id)", "INSERT INTO profiles VALUES (1)")
		}, sqlitestore.ErrForeign, "choose another path"},
		{"another program's file with its own id", func(t *testing.T, path string) {
			shell(t, path, "PRAGMA application_id = 7", "PRAGMA user_version = 1")
		}, sqlitestore.ErrForeign, "choose another path"},
		{"another program's file with a log", func(t *testing.T, path string) {
			other := path + ".original"
			db, err := sql.Open("sqlite", other)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			for _, s := range []string{"CREATE TABLE a (b)", "PRAGMA journal_mode = wal", "INSERT INTO a VALUES (1)"} {
				if _, err := db.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			write(t, path, read(t, other))
			write(t, path+"-wal", read(t, other+"-wal"))
		}, sqlitestore.ErrForeign, "choose another path"},
		{"a newer schema", func(t *testing.T, path string) {
			saved(t, path)
			shell(t, path, "PRAGMA user_version = 99")
		}, sqlitestore.ErrNewerSchema, "update the program"},
		{"a schema version below the first", func(t *testing.T, path string) {
			saved(t, path)
			shell(t, path, "PRAGMA user_version = -1")
		}, sqlitestore.ErrCorrupt, "restore a backup"},
		{"no schema version", func(t *testing.T, path string) {
			saved(t, path)
			shell(t, path, "PRAGMA user_version = 0")
		}, sqlitestore.ErrCorrupt, "restore a backup"},
		{"a truncated file", func(t *testing.T, path string) {
			saved(t, path)
			b := read(t, path)
			write(t, path, b[:len(b)-8192])
		}, sqlitestore.ErrCorrupt, "restore a backup"},
		{"a smashed schema", func(t *testing.T, path string) {
			saved(t, path)
			b := read(t, path)
			copy(b[100:4096], bytes.Repeat([]byte{0xa5}, 3996))
			write(t, path, b)
		}, sqlitestore.ErrCorrupt, "restore a backup"},
		{"a smashed header", func(t *testing.T, path string) {
			saved(t, path)
			b := read(t, path)
			copy(b, bytes.Repeat([]byte{0xa5}, 100))
			write(t, path, b)
		}, sqlitestore.ErrForeign, "restore a backup"},
		{"changed tables", func(t *testing.T, path string) {
			saved(t, path)
			shell(t, path, "ALTER TABLE profiles RENAME COLUMN bio TO biography")
		}, sqlitestore.ErrCorrupt, "restore a backup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.db")
			c.make(t, path)
			before := folder(t, filepath.Dir(path))
			st, err := sqlitestore.Open(path)
			if err == nil {
				_ = st.Close()
				t.Fatal("Open returned no error")
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q; want it to wrap %q and to say %q", err, c.want, c.says)
			}
			after := folder(t, filepath.Dir(path))
			for name, b := range before {
				if !bytes.Equal(b, after[name]) {
					t.Errorf("%s was changed: %d bytes before, %d after", name, len(b), len(after[name]))
				}
			}
			for name := range after {
				if _, ok := before[name]; !ok {
					t.Errorf("%s was left behind", name)
				}
			}
		})
	}
}

func TestOpenSaysWhatIsWrongWithThePath(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ path, says string }{
		{"", "users.db"},
		{":memory:", "memstore"},
		{"file:users.db?mode=ro", "not a URI"},
		{"users\x00.db", "NUL"},
		{dir, "folder"},
		{filepath.Join(dir, "missing", "users.db"), "create the folder first"},
		{filepath.Join(dir, strings.Repeat("u", 250), strings.Repeat("u", 250)), "504 bytes"},
	} {
		st, err := sqlitestore.Open(c.path)
		if err == nil {
			_ = st.Close()
			t.Errorf("Open(%q) returned no error", c.path)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("Open(%q): %q does not say %q", c.path, err, c.says)
		}
	}
	if left := folder(t, dir); len(left) != 0 {
		t.Errorf("refused paths left %d files behind", len(left))
	}
}

func TestPathsWithCharactersOfURIs(t *testing.T) {
	for _, name := range []string{"a?b=c", "a#b", "100%", "a%20b", "with space", "a&b=c", "Ünï", "?mode=ro", "a;b'c\"d"} {
		path := filepath.Join(t.TempDir(), name)
		saved(t, path)
		if files := folder(t, filepath.Dir(path)); len(files) != 1 || files[name] == nil {
			t.Errorf("%q: the folder holds %d files", name, len(files))
		}
		st := open(t, path)
		if _, err := st.Get(t.Context(), ann); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if err := st.Backup(t.Context(), path+" copy"); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRelativePathStaysRightWhenTheProcessMoves(t *testing.T) {
	t.Chdir(t.TempDir())
	st := open(t, "users.db")
	t.Chdir(t.TempDir())
	apply(t, st, annRecord())
	if _, err := st.Get(t.Context(), ann); err != nil { // opens a connection
		t.Error(err)
	}
}

func TestEmptyFileBecomesOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	write(t, path, nil)
	saved(t, path)
	saved(t, path)
}

func TestOnlyTheOwnerReadsTheFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions")
	}
	path := filepath.Join(t.TempDir(), "users.db")
	st := open(t, path)
	apply(t, st, annRecord())
	if err := st.Backup(t.Context(), path+".backup"); err != nil {
		t.Fatal(err)
	}
	for name := range folder(t, filepath.Dir(path)) {
		info, err := os.Stat(filepath.Join(filepath.Dir(path), name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if n := len(folder(t, filepath.Dir(path))); n != 4 {
		t.Errorf("%d files; want the file, -wal, -shm and the backup", n)
	}
}

func TestReadOnlyFile(t *testing.T) {
	for name, folderMode := range map[string]os.FileMode{"in a read-only folder": 0o555, "in a writable folder": 0o777} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.db")
			saved(t, path)
			dir := filepath.Dir(path)
			if err := errors.Join(os.Chmod(path, 0o444), os.Chmod(dir, folderMode)); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(dir, 0o755)
			before := folder(t, dir)
			st, err := openUnprivileged(t, path)
			if err == nil {
				_ = st.Close()
				t.Fatal("Open of a read-only file returned no error")
			}
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "must be writable by this user") {
				t.Errorf("error %q; want it to wrap ErrUnavailable and to say what must be writable", err)
			}
			if after := folder(t, dir); !maps.EqualFunc(before, after, bytes.Equal) {
				t.Errorf("the folder holds %v, and held %v", slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
			}
		})
	}
}

// A process that has the file open elsewhere with another Store keeps its locks
// when this one is opened and closed: POSIX drops all locks of a process when it
// closes any descriptor of the file.
func TestSecondStoreInOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	first := open(t, path)
	apply(t, first, annRecord())
	second, err := sqlitestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, second, observed(ann, epoch.Add(time.Second), map[store.Field]string{store.FieldFamilyName: "Lee"}))
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := first.Get(t.Context(), ann)
	if p := r.Profile(); err != nil || p.GivenName != "Ann" || p.FamilyName != "Lee" {
		t.Errorf("%v, %v", r, err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func folder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, e := range entries {
		files[e.Name()] = read(t, filepath.Join(dir, e.Name()))
	}
	return files
}
