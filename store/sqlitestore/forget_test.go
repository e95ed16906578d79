package sqlitestore_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// Without secure_delete and a truncating checkpoint the name stays in the file.
func TestForgetLeavesNoByteInAnyFile(t *testing.T) {
	t.Run("Forget", func(t *testing.T) {
		leavesNoByte(t, func(st *sqlitestore.Store) error { return st.Forget(t.Context(), ann, true) })
	})
	t.Run("Expire", func(t *testing.T) {
		leavesNoByte(t, func(st *sqlitestore.Store) error {
			expired, err := st.Expire(t.Context(), []store.Key{ann}, epoch.Add(time.Minute))
			if !slices.Equal(expired, []bool{true}) {
				t.Errorf("Expire = %v", expired)
			}
			return err
		})
	})
}

func leavesNoByte(t *testing.T, erase func(st *sqlitestore.Store) error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.db")
	st := open(t, path)
	var others []store.Record
	for n := range 300 {
		others = append(others, observed(store.Key{Channel: "telegram", UserID: fmt.Sprint(n + 1000)}, epoch,
			map[store.Field]string{store.FieldGivenName: strings.Repeat("x", n)}))
	}
	apply(t, st, others...)
	secrets := []string{"Zebulonia", "zebulonia", "Quackenbush", "former-name", "nickyzeb", "tier-zeb", strings.Repeat("zebbio", 1500)[:600]}
	for i, name := range []string{"former-name", "Zebulonia"} {
		apply(t, st, observed(ann, epoch.Add(time.Duration(i)), map[store.Field]string{
			store.FieldGivenName: name, store.FieldFamilyName: "Quackenbush", store.FieldBio: strings.Repeat("zebbio", 1500),
			store.NickField("7"): "nickyzeb", store.CustomKey("tier"): `"tier-zeb"`,
		}))
		apply(t, st, others[:20]...)
	}
	files := folder(t, filepath.Dir(path))
	for _, secret := range secrets[:2] {
		if !holds(files, secret) {
			t.Fatalf("the test is blind: %q is in no file before it is forgotten", secret)
		}
	}
	if err := erase(st); err != nil {
		t.Fatal(err)
	}
	files = folder(t, filepath.Dir(path))
	for _, secret := range secrets {
		if holds(files, secret) {
			t.Errorf("%.20q is still in a file", secret)
		}
	}
	if n := len(files["users.db-wal"]); n != 0 {
		t.Errorf("the log has %d bytes", n)
	}
	if !holds(files, others[299].Registers[0].Value) {
		t.Error("somebody else is gone")
	}
}

func holds(files map[string][]byte, text string) bool {
	for _, b := range files {
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}
