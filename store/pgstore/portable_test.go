package pgstore

import (
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// movable is what a bot can be moved between.
type movable interface {
	store.Outbox
	store.Portable
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

func numbered(n int) store.Key { return store.Key{Channel: "telegram", UserID: strconv.Itoa(1000 + n)} }

const crowd = 620

// populate makes people of all kinds: owed in both lanes, delivered, dead, waiting,
// not served, being delivered, erased, to be erased, and with a tombstone only.
func populate(t *testing.T, st store.Outbox) {
	t.Helper()
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(st.Enroll(ctx, "crm"))
	var deltas []store.Record
	for n := range crowd {
		deltas = append(deltas, renamed(numbered(n), n))
	}
	_, err := st.Apply(ctx, deltas)
	check(err)
	check(st.Enroll(ctx, "desk"))
	claims, _, err := st.Claim(ctx, "crm", 8, time.Minute)
	check(err)
	settle := func(c store.Standing, verdict store.Verdict) {
		t.Helper()
		x := settlement(c)
		x.Verdict, x.Reason, x.After = verdict, "why", time.Minute
		check(st.Settle(ctx, "crm", []store.Settlement{x}))
	}
	for i, verdict := range []store.Verdict{
		store.VerdictDead, store.VerdictRetry, store.VerdictUnserved,
		store.VerdictDelivered, store.VerdictDelivered, store.VerdictDelivered, store.VerdictDelivered,
	} { // the last one is being delivered
		settle(claims[i].Standing, verdict)
	}
	check(st.Forget(ctx, claims[3].Standing.Key, true))
	check(st.Forget(ctx, claims[4].Standing.Key, true))
	check(st.Forget(ctx, claims[5].Standing.Key, false))
	check(st.Forget(ctx, numbered(crowd+1), true))
	rest, _, err := st.Claim(ctx, "crm", crowd, time.Minute)
	check(err)
	for _, c := range rest {
		if c.Standing.Key == claims[3].Standing.Key {
			settle(c.Standing, store.VerdictErased)
		}
	}
	pinned := store.Patch{Key: claims[6].Standing.Key, Source: store.Pinned, At: time.Unix(1_700_000_000, 0), Set: map[store.Field]string{
		store.FieldGivenName: "Bella",
	}}
	_, err = st.Apply(ctx, []store.Record{pinned.Record()})
	check(err)
}

// All kinds of people come over as they are, from and to each kind of store, however
// often they are copied.
func TestCopy(t *testing.T) {
	server := func(t *testing.T) movable { return fresh(t, pgtest.Pool(t)) }
	memory := func(t *testing.T) movable { return memstore.New() }
	file := func(t *testing.T) movable {
		st, err := sqlitestore.Open(filepath.Join(t.TempDir(), "users.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
		return st
	}
	for _, c := range []struct {
		name     string
		src, dst func(t *testing.T) movable
	}{
		{"file to Postgres", file, server}, {"Postgres to file", server, file}, {"memory to Postgres", memory, server},
		{"Postgres to memory", server, memory}, {"Postgres to Postgres", server, server},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, dst := c.src(t), c.dst(t)
			populate(t, src)
			want := everything(t, src)
			if len(want) != crowd+1 || !slices.IsSortedFunc(want, func(a, b store.Dossier) int { return a.Key.Compare(b.Key) }) {
				t.Fatalf("there are %d dossiers, or out of order", len(want))
			}
			for range 2 {
				if err := store.Copy(t.Context(), dst, src, nil); err != nil {
					t.Fatal(err)
				}
				got := everything(t, dst)
				if len(got) != len(want) {
					t.Fatalf("%d of %d dossiers came over", len(got), len(want))
				}
				for i := range want {
					if !reflect.DeepEqual(got[i], want[i]) {
						t.Errorf("came over as\n%+v and is\n%+v", got[i], want[i])
					}
				}
			}
		})
	}
}

// What is being withdrawn is neither given away nor taken for what is owed elsewhere.
func TestDossiersAmidWithdraw(t *testing.T) {
	s := fresh(t, pgtest.Pool(t))
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, renamed(numbered(1), 1), renamed(numbered(2), 1))
	claims, _, err := s.Claim(t.Context(), "crm", 2, time.Minute)
	if err != nil || len(claims) != 2 {
		t.Fatalf("%d claims, %v", len(claims), err)
	}
	for _, c := range claims {
		if err := s.Settle(t.Context(), "crm", []store.Settlement{settlement(c.Standing)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Forget(t.Context(), numbered(2), false); err != nil {
		t.Fatal(err)
	}
	err = s.begin(t.Context(), "crm", func(progress) (job, error) { return jobWithdraw, nil }) // and is killed
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, renamed(numbered(1), 2)) // which is owed to nobody
	all := everything(t, s)
	if len(all) != 1 || len(all[0].Standings) > 0 {
		t.Errorf("amid Withdraw the dossiers are %+v", all)
	}
	dst := memstore.New()
	if err := dst.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if err := store.Copy(t.Context(), dst, s, nil); err != nil {
		t.Fatal(err)
	}
	claims, _, err = dst.Claim(t.Context(), "crm", 2, time.Minute)
	if err != nil || len(claims) != 1 || claims[0].Standing.Key != numbered(1) {
		t.Errorf("of those who came over %+v are claimed, %v", claims, err)
	}
}
