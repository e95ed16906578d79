package natstest

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// filesWith tells in how many files of a folder there is one of texts. None of them
// is compressed or encrypted.
func filesWith(t *testing.T, dir string, texts ...string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) {
				n++
				break
			}
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) { // the server removes files meanwhile
		t.Fatal(err)
	}
	return n
}

// After Scrub no byte of somebody who was forgotten is in any file: not of what they
// were called, at any time, and not of their id. All others are as they were.
func TestScrubLeavesNoByte(t *testing.T) {
	t.Parallel()
	n := &node{config: config{Name: "n0", Port: freePort(t), Dir: t.TempDir(), Cleanup: time.Second}}
	n.start(t)
	t.Cleanup(func() { n.kill() })
	awaitReady(t, n)
	js := connect(t, n)
	st := open(t, js, "scrub", 1)
	populate(t, st)
	gone := []store.Key{{Channel: "telegram", UserID: "77000001"}, {Channel: "telegram", UserID: "77000002"}, {Channel: "telegram", UserID: "77000003"}}
	var texts []string
	for i, key := range gone {
		for revision := range 4 {
			name := fmt.Sprintf("Xanthippe-%d-%d", i, revision)
			texts = append(texts, name)
			change := store.Patch{Key: key, At: epoch.Add(time.Duration(revision) * time.Second), Set: map[store.Field]string{store.FieldGivenName: name}}
			if _, err := st.Apply(t.Context(), append(anns(2000+10*revision, 10), change.Record())); err != nil {
				t.Fatal(err)
			}
		}
		texts = append(texts, key.UserID)
	}
	for i := range 16 { // more than one file, in which hardly anything is to clean up
		if _, err := st.Apply(t.Context(), anns(10000+500*i, 500)); err != nil {
			t.Fatal(err)
		}
	}
	ids := make([]string, 0, len(gone))
	for _, key := range gone {
		ids = append(ids, hexTokens(key.UserID))
	}
	for i, key := range gone {
		if err := st.Forget(t.Context(), key, i == 0); err != nil {
			t.Fatal(err)
		}
	}
	if filesWith(t, n.config.Dir, texts...) == 0 {
		t.Error("the test is blind: the server has erased what was forgotten by itself")
	}
	if err := st.Readmit(t.Context(), gone[0]); err != nil { // or their id is kept
		t.Fatal(err)
	}
	want, wantOwed := everything(t, st), backlogsOf(t, st)
	for range 2 {
		if err := st.Scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, "a file still has somebody who was forgotten", func(context.Context) bool {
			return filesWith(t, n.config.Dir, texts...) == 0
		})
	}
	same(t, everything(t, st), want)
	for i, b := range backlogsOf(t, st) {
		// More may count: a step that is not answered in time is made again, and leaves
		// places until Claim has come upon them twice. TestScrubBesideClaims sees that
		// none of before is left.
		if w := wantOwed[i]; b.Owed < w.Owed || b.Bulk < w.Bulk || b.Dead != w.Dead {
			t.Errorf("the backlog is %+v, and was %+v", b, w)
		}
	}
	// The server writes its index of subjects when it stops, and from time to time.
	n.stop(t)
	n.start(t)
	awaitReady(t, n)
	if left := filesWith(t, n.config.Dir, ids...); left != 0 {
		t.Errorf("%d files still have the id of somebody who was forgotten", left)
	}
	claims, _, err := st.Claim(t.Context(), crm, 500, time.Minute)
	if err != nil || len(claims) == 0 {
		t.Errorf("%d claims after Scrub, %v", len(claims), err)
	}
}

// hexTokens is an id as it is in subjects.
func hexTokens(id string) string {
	tokens := ""
	for pair := range chunks(id, 2) {
		tokens += "." + hex.EncodeToString([]byte(pair))
	}
	return tokens
}

func chunks(s string, size int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(s) > 0 {
			n := min(size, len(s))
			if !yield(s[:n]) {
				return
			}
			s = s[n:]
		}
	}
}
