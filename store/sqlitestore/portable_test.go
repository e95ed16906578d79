package sqlitestore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func dossiersOf(t *testing.T, s *Store) (all []store.Dossier, err error) {
	t.Helper()
	for d, err := range s.Dossiers(t.Context(), store.Key{}) {
		if err != nil {
			return all, err
		}
		all = append(all, d)
	}
	return all, nil
}

func TestDossiersOverSeveralPages(t *testing.T) {
	s := temporary(t)
	const size = pageSize + 20
	if _, err := s.Apply(t.Context(), people(0, size)); err != nil {
		t.Fatal(err)
	}
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	err := s.write(t.Context(), func(w *conn) error {
		for n := range size {
			key := person(n).Key
			key.Channel = "gone"
			if err := w.exec(addTombstoneSQL, key.Channel, key.UserID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := dossiersOf(t, s)
	if err != nil || len(all) != 2*size {
		t.Fatalf("%d dossiers of %d, %v", len(all), 2*size, err)
	}
	for i, d := range all {
		if i > 0 && d.Key.Compare(all[i-1].Key) <= 0 {
			t.Fatalf("%s comes after %s", d.Key, all[i-1].Key)
		}
		if gone := d.Key.Channel == "gone"; d.Forgotten != gone || d.Record.Key.IsZero() != gone || len(d.Standings) == 1 == gone {
			t.Fatalf("a dossier is %+v", d)
		}
	}
}

// A page is found by the indexes, without sorting what lies behind it.
func TestDossiersAreReadInOrder(t *testing.T) {
	s := temporary(t)
	for _, step := range planOf(t, s, heldSQL) {
		if strings.HasPrefix(step, "SCAN") || strings.Contains(step, "TEMP B-TREE") {
			t.Errorf("Dossiers is planned with %q", step)
		}
	}
}

func TestDamageInDossiers(t *testing.T) {
	s := damaged(t, "standings SET fields = 'bio'")
	all, err := dossiersOf(t, s)
	if err != nil || len(all) != 5 {
		t.Fatalf("%d dossiers, %v", len(all), err)
	}
	if st := all[2].Standings[0]; st.State != store.StateOwed || !st.All || st.Fields != nil {
		t.Errorf("a damaged standing is given away as %+v", st)
	}
	s = damaged(t, "profiles SET record = x'ff'")
	all, err = dossiersOf(t, s)
	if !errors.Is(err, ErrCorrupt) || errors.Is(err, store.ErrInvalid) || len(all) != 2 {
		t.Errorf("with a damaged record in the middle of five there are %d dossiers and then %v", len(all), err)
	}
	if err := s.Import(t.Context(), []store.Dossier{{Key: person(2).Key}}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Import over a damaged record: %v", err)
	}
	if err := s.Forget(t.Context(), person(2).Key, false); err != nil {
		t.Fatal(err)
	}
	if all, err = dossiersOf(t, s); err != nil || len(all) != 4 {
		t.Errorf("after Forget there are %d dossiers, %v", len(all), err)
	}
}

// What is being withdrawn is neither given away nor touched.
func TestDossiersAmidWithdraw(t *testing.T) {
	s := temporary(t)
	s.step = 2
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), people(0, 5)); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(t.Context(), "crm", delivered(claimAll(t, s))); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(t.Context(), person(4).Key, false); err != nil {
		t.Fatal(err)
	}
	stopAfterAStep(t, s, jobWithdraw)
	all, err := dossiersOf(t, s)
	if err != nil || len(all) != 4 {
		t.Fatalf("%d dossiers, %v; want those of the 4 who are kept", len(all), err)
	}
	for _, d := range all {
		if len(d.Standings) > 0 {
			t.Errorf("amid Withdraw a dossier is %+v", d)
		}
	}
	if err := s.Import(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if n, err := s.writer.number("SELECT count(*) FROM standings"); err != nil || n != 3 {
		t.Errorf("after Import there are %d standings with the backend, %v", n, err)
	}
}

func TestImportThatForgetsLeavesNoByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	secret := store.Patch{Key: person(1).Key, At: time.Unix(1_700_000_000, 0), Set: map[store.Field]string{store.FieldGivenName: "Zebulonia"}}
	if _, err := s.Apply(t.Context(), append(people(2, 50), secret.Record())); err != nil {
		t.Fatal(err)
	}
	holds := func() (held bool) {
		for _, name := range []string{path, path + "-wal"} {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			held = held || bytes.Contains(b, []byte("ebulonia"))
		}
		return held
	}
	if !holds() {
		t.Fatal("the test is blind")
	}
	if err := s.Import(t.Context(), []store.Dossier{{Key: person(1).Key, Forgotten: true}}); err != nil {
		t.Fatal(err)
	}
	if holds() {
		t.Error("the name of somebody who was forgotten is still in a file")
	}
}
