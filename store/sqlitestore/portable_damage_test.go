package sqlitestore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

// A bit that fell over in an index or a table moves somebody to where nobody looks for
// them. Whatever is then given away is right, and it ends with an error.
func TestDamagedIndexInDossiers(t *testing.T) {
	s := temporary(t)
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), people(0, 5)); err != nil {
		t.Fatal(err)
	}
	if err := s.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, id := range []string{"0", "2", "4"} {
		text := []byte("telegram" + id)
		for end := 0; ; {
			i := bytes.Index(whole[end:], text)
			if i < 0 {
				break
			}
			end += i + len(text)
			for bit := 0; bit < 7; bit += 3 {
				damaged := slices.Clone(whole)
				damaged[end-1] ^= 1 << bit
				refused += dossiersOfDamaged(t, damaged)
			}
		}
	}
	if refused == 0 {
		t.Error("no damage was found")
	}
}

// dossiersOfDamaged returns 1 where Dossiers ends with an error.
func dossiersOfDamaged(t *testing.T, file []byte) (refused int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for d, err := range s.Dossiers(t.Context(), store.Key{}) {
		switch {
		case err != nil && !errors.Is(err, ErrCorrupt):
			t.Errorf("%v; want it to wrap ErrCorrupt", err)
		case err != nil:
			refused = 1
		case d.Record.Key != d.Key:
			t.Errorf("%s is given away with the record of %s", d.Key, d.Record.Key)
		}
	}
	return refused
}

// A standing that was damaged itself stops nobody, also where nobody is kept.
func TestDamagedErasureInDossiers(t *testing.T) {
	s := damaged(t, "standings SET state = 'lost'")
	if err := s.writer.script("DELETE FROM profiles WHERE user_id = '2'"); err != nil {
		t.Fatal(err)
	}
	all, err := dossiersOf(t, s)
	if err != nil || len(all) != 5 || !all[2].Standings[0].Touched {
		t.Errorf("%d dossiers, %v", len(all), err)
	}
}
