package sqlitestore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// occupy takes all but a few pages of what is left of the disk.
func occupy(t *testing.T, path string, leave int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	size := int64(0)
	for ; err == nil; size += int64(len(block)) {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Truncate(max(0, size-int64((leave+1)*len(block)))); err != nil {
		t.Fatal(err)
	}
}

// On a disk that is full for real the log cannot grow, nor the file when the log
// is to be copied into it.
func TestFullDiskLosesNothingAcknowledged(t *testing.T) {
	dir := smallDisk(t)
	path, ballast := filepath.Join(dir, "users.db"), filepath.Join(dir, "ballast")
	st, err := sqlitestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	all := 0
	batch := func() (deltas []store.Record) {
		for n := range 20 {
			deltas = append(deltas, observed(killedKey(0, all/20, n), epoch, map[store.Field]string{store.FieldBio: strings.Repeat("b", 1000)}))
		}
		return deltas
	}
	complete := func(when string) {
		t.Helper()
		for n := range all {
			if _, err := st.Get(t.Context(), killedKey(0, n/20, n%20)); err != nil {
				t.Fatalf("%s, person %d of %d who were acknowledged: %v", when, n, all, err)
			}
		}
		n := 0
		for _, err := range st.List(t.Context(), store.Filter{}) {
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			n++
		}
		if n != all {
			t.Errorf("%s %d people are listed; %d were acknowledged", when, n, all)
		}
	}
	restart := func(when string) {
		t.Helper()
		if err := st.Close(); err != nil {
			t.Errorf("Close %s: %v", when, err)
		}
		again, err := sqlitestore.Open(path)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		st = again
		complete(when)
	}
	failures := 0
	for _, leave := range []int{0, 3, 40} {
		if _, err := st.Apply(t.Context(), batch()); err != nil {
			t.Fatal(err)
		}
		all += 20
		occupy(t, ballast, leave)
		refused := 0
		for range 50 {
			_, err := st.Apply(t.Context(), batch())
			if err == nil {
				all += 20
				continue
			}
			if refused++; !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("on a full disk: %v; want it to wrap ErrUnavailable", err)
			}
			failure, ok := errors.AsType[*sqlite.Error](err)
			if full := []int{sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}; !ok || !slices.Contains(full, failure.Code()&0xff) {
				t.Errorf("the driver's error is not that of a full disk: %v", err)
			}
			if refused == 3 {
				break
			}
		}
		failures += refused
		if refused == 0 {
			t.Fatal("the test is blind: the disk is not full")
		}
		complete("on the full disk")
		if leave == 3 {
			restart("after a restart on the full disk")
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Apply(t.Context(), batch()); err != nil {
			t.Fatalf("when there is room again: %v", err)
		}
		all += 20
		complete("when there is room again")
	}
	restart("after a restart")
	t.Attr("figure", fmt.Sprintf("%d transactions refused, %d people acknowledged, 0 lost", failures, all))
}
