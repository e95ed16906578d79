package sqlitestore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// linked returns the path of a link, and that of what it leads to, which is not there.
func linked(t *testing.T) (link, target string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "volume"), 0o700); err != nil {
		t.Fatal(err)
	}
	link, target = filepath.Join(dir, "users.db"), filepath.Join(dir, "volume", "people.db")
	if err := os.Symlink(filepath.Join("volume", "people.db"), link); err != nil {
		t.Fatal(err)
	}
	return link, target
}

// The first start of a bot whose users.db is a link into a volume.
func TestOpenMakesTheFileThatALinkLeadsTo(t *testing.T) {
	link, target := linked(t)
	saved(t, link)
	st := open(t, target)
	if _, err := st.Get(t.Context(), ann); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info, err)
	}
}

// The log stands beside the file, and not beside the link: after a power cut it may be
// what holds the first page.
func TestOpenFindsTheLogBehindALink(t *testing.T) {
	link, target := linked(t)
	original := filepath.Join(t.TempDir(), "users.db")
	st := open(t, original)
	apply(t, st, annRecord())
	shell(t, original, "PRAGMA user_version = 2") // a write of the first page
	file := read(t, original)
	copy(file, bytes.Repeat([]byte{0xa5}, 4096))
	write(t, target, file)
	write(t, target+"-wal", read(t, original+"-wal"))
	again, err := sqlitestore.Open(link)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.Get(t.Context(), ann); err != nil {
		t.Error(err)
	}
}
