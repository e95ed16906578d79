package natstest

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// movable is what a bot can be moved between.
type movable interface {
	store.Outbox
	store.Portable
}

// populate makes people of all kinds: owed, delivered, dead, waiting, being
// delivered, not served, erased, to be erased, forgotten, and with a tombstone only.
func populate(t *testing.T, st store.Outbox) {
	t.Helper()
	ctx := t.Context()
	enroll := func(name string) {
		if err := st.Enroll(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	enroll(crm)
	if _, err := st.Apply(ctx, anns(0, 620)); err != nil {
		t.Fatal(err)
	}
	enroll("desk")
	claims, _, err := st.Claim(ctx, crm, 8, time.Minute)
	if err != nil || len(claims) != 8 {
		t.Fatalf("%d claims, %v", len(claims), err)
	}
	verdicts := []store.Verdict{
		store.VerdictDelivered, store.VerdictDead, store.VerdictRetry, store.VerdictUnserved, store.VerdictDelivered, store.VerdictDelivered,
		store.VerdictDelivered,
	}
	var settled []store.Settlement
	for i, v := range verdicts { // the last one is being delivered
		c := claims[i].Standing
		settled = append(settled, store.Settlement{
			Key: c.Key, Token: c.Token, Version: c.Version, Verdict: v, Reason: "why", After: time.Minute, Remote: "r" + c.Key.UserID,
		})
	}
	if err := st.Settle(ctx, crm, settled); err != nil {
		t.Fatal(err)
	}
	for i, suppress := range map[int]bool{4: true, 5: false} {
		if err := st.Forget(ctx, claims[i].Standing.Key, suppress); err != nil {
			t.Fatal(err)
		}
	}
	erasures, _, err := st.Claim(ctx, crm, 600, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range erasures {
		if c.Standing.Key == claims[4].Standing.Key {
			erased := store.Settlement{Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Verdict: store.VerdictErased}
			if err := st.Settle(ctx, crm, []store.Settlement{erased}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := st.Forget(ctx, person(9999), true); err != nil {
		t.Fatal(err)
	}
	pinned := store.Patch{
		Key: claims[6].Standing.Key, Source: store.Pinned, At: epoch, Set: map[store.Field]string{store.FieldGivenName: "Bella"},
	}.Record()
	if _, err := st.Apply(ctx, []store.Record{pinned}); err != nil {
		t.Fatal(err)
	}
}

// everything is all that a store holds, without claims.
func everything(t *testing.T, st store.Portable) (all []store.Dossier) {
	t.Helper()
	for d, err := range st.Dossiers(t.Context(), store.Key{}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.Standings {
			st := &d.Standings[i]
			st.Touched, st.Token = st.Touched || st.Token != 0, 0
		}
		all = append(all, d)
	}
	return all
}

func TestCopy(t *testing.T) {
	t.Parallel()
	n := single(t)
	bucket := func(t *testing.T, name string) movable { return open(t, connect(t, n), name, 1) }
	memory := func(*testing.T, string) movable { return memstore.New() }
	file := func(t *testing.T, name string) movable {
		st, err := sqlitestore.Open(filepath.Join(t.TempDir(), name+".db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		return st
	}
	for _, c := range []struct {
		name     string
		src, dst func(t *testing.T, name string) movable
	}{
		{"memory-to-nats", memory, bucket}, {"nats-to-memory", bucket, memory}, {"nats-to-nats", bucket, bucket},
		{"sqlite-to-nats", file, bucket}, {"nats-to-sqlite", bucket, file},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, dst := c.src(t, c.name+"-src"), c.dst(t, c.name+"-dst")
			populate(t, src)
			want := everything(t, src)
			if len(want) != 621 || !slices.IsSortedFunc(want, func(a, b store.Dossier) int { return a.Key.Compare(b.Key) }) {
				t.Fatalf("there are %d dossiers, or out of order", len(want))
			}
			for range 2 { // the second time changes nothing
				if err := store.Copy(t.Context(), dst, src, nil); err != nil {
					t.Fatal(err)
				}
				same(t, everything(t, dst), want)
			}
			// What happened meanwhile comes over as well, and what is owed is owed once.
			if _, err := src.Apply(t.Context(), anns(700, 3)); err != nil {
				t.Fatal(err)
			}
			if err := src.Forget(t.Context(), person(700), true); err != nil {
				t.Fatal(err)
			}
			if err := store.Copy(t.Context(), dst, src, &store.CopyOptions{After: want[len(want)-2].Key}); err != nil {
				t.Fatal(err)
			}
			sameBacklogs(t, src, dst)
		})
	}
}

// sameBacklogs wants both to owe as much. A bucket may count more for a while: a step
// that is not answered in time is made again, and leaves places until Claim has come
// upon them twice.
func sameBacklogs(t *testing.T, x, y movable) {
	t.Helper()
	await(t, "one owes more than the other", func(ctx context.Context) bool {
		a, b := backlogsOf(t, x), backlogsOf(t, y)
		if slices.EqualFunc(a, b, func(a, b store.Backlog) bool {
			return a.Backend == b.Backend && a.Owed == b.Owed && a.Dead == b.Dead && a.Bulk == b.Bulk
		}) {
			return true
		}
		t.Logf("%+v is owed, and where that was copied to %+v", a, b)
		for i := range a {
			for _, st := range []movable{x, y} {
				_, _, _ = st.Claim(ctx, a[i].Backend, 1000, time.Millisecond)
			}
		}
		return false
	})
}

func backlogsOf(t *testing.T, st store.Outbox) []store.Backlog {
	t.Helper()
	backlogs, err := st.Backlogs(t.Context())
	if err != nil || len(backlogs) != 2 {
		t.Fatalf("%+v, %v", backlogs, err)
	}
	slices.SortFunc(backlogs, func(a, b store.Backlog) int { return cmp.Compare(a.Backend, b.Backend) })
	return backlogs
}

func same(t *testing.T, got, want []store.Dossier) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d of %d dossiers came over", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("came over as\n%+v\nand is\n%+v", got[i], want[i])
		}
	}
}

func TestImportIsOneTransaction(t *testing.T) {
	st := open(t, connect(t, single(t)), "import", 1)
	malformed := []store.Dossier{{Key: person(1), Record: anns(1, 1)[0]}, {}}
	if err := st.Import(t.Context(), malformed); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Import of a malformed key: %v", err)
	}
	if all := everything(t, st); len(all) != 0 {
		t.Errorf("a part of it was imported: %+v", all)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := st.Import(ended, malformed[:1]); !errors.Is(err, context.Canceled) {
		t.Errorf("Import with a context that is over: %v", err)
	}
	if err := errors.Join(st.Import(t.Context(), nil), st.Close()); err != nil {
		t.Error(err)
	}
	if err := st.Import(t.Context(), malformed[:1]); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Import after Close: %v", err)
	}
	for _, err := range st.Dossiers(t.Context(), store.Key{}) {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("Dossiers after Close: %v", err)
		}
	}
}
