package pgstore

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

// rows are all columns of all people, as text.
func (s *Store) rows(t *testing.T) []string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), s.sql("SELECT s::text FROM rollcall.people AS s ORDER BY channel, user_id"))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// Whatever changes of a person, in however many steps, and with whom they share a
// batch: the columns are those of somebody who is saved at once.
func TestColumnsFollowTheRecord(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed ", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	fields := append(store.Fields(), store.NickField("1"), store.NickField("2"), store.CustomKey("tier"))
	told := []store.Field{store.FieldGivenName, store.FieldUsername, store.FieldStatus, store.FieldIsPremium, store.NickField("1")}
	// value returns one that the field can have.
	value := func(f store.Field) string {
		n := strconv.Itoa(r.IntN(2))
		texts := []string{
			"Ann " + n, "true", "false", "blocked", "active", "https://example.org/" + n, "ann" + n + "@example.org", "M", "F",
			"1990-12-3" + n, "Europe/Paris", "Asia/Tokyo", "de", "fr", "+1415555267" + n, `"gold"`,
		}
		for _, i := range r.Perm(len(texts)) {
			if repaired, ok := store.Repair(f, texts[i]); ok && repaired != "" {
				return repaired
			}
		}
		t.Fatalf("no value for %s", f)
		return ""
	}
	delta := func(n int) store.Record {
		p := store.Patch{
			Key: numbered(r.IntN(6)), At: time.Unix(1_700_000_000+int64(n), 0), Source: store.Source(r.IntN(3)), Set: make(map[store.Field]string),
		}
		from := [][]store.Field{nil, told, told, fields}[r.IntN(4)]
		for _, f := range from {
			switch r.IntN(8) {
			case 0:
				p.Set[f] = value(f)
			case 1:
				p.Clear = append(p.Clear, f)
			}
		}
		return p.Record()
	}
	inSteps, atOnce := fresh(t, pgtest.Pool(t)), fresh(t, pgtest.Pool(t))
	want := make(map[store.Key]store.Record)
	for n := range 150 {
		var deltas []store.Record
		for range 1 + r.IntN(4) {
			d := delta(n)
			deltas, want[d.Key] = append(deltas, d), store.Merge(want[d.Key], d)
		}
		mustApply(t, inSteps, deltas...)
	}
	for _, r := range want {
		mustApply(t, atOnce, r)
	}
	if got, want := inSteps.rows(t), atOnce.rows(t); !slices.Equal(got, want) {
		for i := range want {
			t.Errorf("changed in steps\n%s\nsaved at once\n%s", got[i], want[i])
		}
	}
}

func TestNickIsUsual(t *testing.T) {
	if w := widthOf([]store.Field{store.NickField("1")}); w != usual {
		t.Errorf("a nick has the width %d", w)
	}
}
