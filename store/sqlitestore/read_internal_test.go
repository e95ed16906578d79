package sqlitestore

import (
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Each third person is new, kept, or forgotten, on channels whose people do not come
// in rounds of readAtOnce.
func TestBatchesReadEverybodyOnce(t *testing.T) {
	t.Parallel()
	s, err := Open(filepath.Join(t.TempDir(), "users.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const people = 3*readAtOnce + 17
	delta := func(n, version int) store.Record {
		return store.Patch{
			Key: store.Key{Channel: []string{"a", "b", "b", "c", "b"}[n%5], UserID: fmt.Sprint(n)},
			At:  time.Unix(1_700_000_000+int64(version), 0), Set: map[store.Field]string{store.FieldName: fmt.Sprint(n, " ", version)},
		}.Record()
	}
	var batch []store.Record
	for n := range people {
		if n%3 > 0 {
			batch = append(batch, delta(n, 0))
		}
	}
	if _, err := s.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	batch = nil
	for n := range people {
		if n%3 == 2 {
			if err := s.Forget(t.Context(), delta(n, 0).Key, true); err != nil {
				t.Fatal(err)
			}
		}
		batch = append(batch, delta(n, 1))
	}
	for n := range people / 2 { // and again, in the same batch
		batch = append(batch, delta(n, 2))
	}
	changes, err := s.Apply(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range changes {
		n, version := i%people, 1+i/people
		want := store.Change{Created: n%3 == 0 && version == 1, Suppressed: n%3 == 2}
		name := fmt.Sprint(n, " ", version)
		if want.Suppressed {
			name = ""
		}
		if c.Created != want.Created || c.Suppressed != want.Suppressed || c.Same || c.Outdated || c.Profile.Name != name {
			t.Errorf("person %d, version %d: %+v", n, version, c)
		}
	}
}

func TestBatchesAreReadByTheIndex(t *testing.T) {
	t.Parallel()
	s, err := Open(filepath.Join(t.TempDir(), "users.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for people, query := range map[int]string{1: readOneSQL, readAtOnce: readManySQL} {
		var plan []string
		dest := make([]driver.Value, 4)
		err := s.writer.rows("EXPLAIN QUERY PLAN "+query, dest, func() error {
			plan = append(plan, fmt.Sprint(dest[3]))
			return nil
		}, make([]driver.Value, 1+people)...)
		if text := strings.Join(plan, "; "); err != nil || strings.Count(text, "SEARCH") != 2 || strings.Count(text, "(channel=? AND user_id=?)") != 2 {
			t.Errorf("%s: %v", text, err)
		}
	}
}
