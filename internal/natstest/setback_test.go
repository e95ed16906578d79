package natstest

import (
	"context"
	"os"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

// A server that comes back with less than it had, as after a power cut or from a
// backup, is used by the processes that knew of more.
func TestServerThatComesBackWithLess(t *testing.T) {
	t.Parallel()
	n := single(t)
	js := connect(t, n)
	st := open(t, js, "less", 1)
	if _, err := st.Apply(t.Context(), anns(0, 2)); err != nil {
		t.Fatal(err)
	}
	backup := t.TempDir()
	n.stop(t)
	if err := os.CopyFS(backup, os.DirFS(n.config.Dir)); err != nil {
		t.Fatal(err)
	}
	n.start(t)
	awaitReady(t, n)
	if _, err := st.Apply(t.Context(), anns(2, 50)); err != nil {
		t.Fatal(err)
	}
	n.stop(t)
	n.config.Dir = backup
	n.start(t)
	awaitReady(t, n)
	await(t, "nothing is saved beside what is left", func(ctx context.Context) bool {
		_, err := st.Apply(ctx, anns(1, 2))
		return err == nil
	})
	var keys []store.Key
	for p, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, p.Key)
	}
	if len(keys) != 3 {
		t.Errorf("%d people are listed, want 3", len(keys))
	}
}
