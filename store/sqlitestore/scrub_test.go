package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// When SQLite moves rows from one page to another it leaves copies in the gaps.
func TestScrubLeavesNoCopyOfWhatWasMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	st := open(t, path)
	const people, versions = 3000, 4
	r := rand.New(rand.NewPCG(1, 9))
	key := func(i int) store.Key { return store.Key{Channel: "telegram", UserID: fmt.Sprint(100_000 + i)} }
	name := func(i int) string { return fmt.Sprintf("zq%05dqz", i) }
	for version := range versions {
		var deltas []store.Record
		for _, i := range r.Perm(people) {
			deltas = append(deltas, observed(key(i), epoch.Add(time.Duration(version)), map[store.Field]string{
				store.FieldGivenName: fmt.Sprint(name(i), version), store.FieldBio: strings.Repeat("x", r.IntN(200)),
			}))
		}
		for len(deltas) > 0 {
			apply(t, st, deltas[:100]...)
			deltas = deltas[100:]
		}
	}
	gone := r.Perm(people)[:people/2]
	keys := make([]store.Key, len(gone))
	for n, i := range gone {
		keys[n] = key(i)
	}
	if _, err := st.Expire(t.Context(), keys, epoch.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		files := folder(t, filepath.Dir(path))
		for _, i := range gone {
			if holds(files, name(i)) {
				n++
			}
		}
		return n
	}
	if left() == 0 {
		t.Fatal("the test is blind: SQLite left nothing behind")
	}
	if err := st.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := left(); n > 0 {
		t.Errorf("%d of %d are still in the files", n, len(gone))
	}
	kept := 0
	for _, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		kept++
	}
	if kept != people-len(gone) {
		t.Errorf("%d people are kept, want %d", kept, people-len(gone))
	}
}

func TestScrubThatCannot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	st := open(t, path)
	apply(t, st, observed(ann, epoch, map[store.Field]string{store.FieldGivenName: "Ann"}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Scrub(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Error("the file was written all the same")
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := st.Scrub(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v, want store.ErrClosed", err)
	}
}
