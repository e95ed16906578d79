package natstest

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// A copy whose line to NATS is cut goes on behind what it told last. In the end all is
// there, once: also what was written by a batch that nobody heard of.
func TestCopyGoesOnAfterACut(t *testing.T) {
	t.Parallel()
	n := single(t)
	for _, toNATS := range []bool{true, false} {
		name := map[bool]string{true: "sqlite-to-nats", false: "nats-to-sqlite"}[toNATS]
		t.Run(name, func(t *testing.T) {
			file, err := sqlitestore.Open(filepath.Join(t.TempDir(), "users.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			line := newDeafener(t, n, nil)
			js, closeConn, err := dial(line.url())
			if err != nil {
				t.Fatal(err)
			}
			defer closeConn()
			bucket := "cut-" + name
			cuttable, whole := open(t, js, bucket, 1), open(t, connect(t, n), bucket, 1)
			var src, again movable = whole, file
			first := [2]movable{file, cuttable}
			if toNATS {
				src, again = file, whole
				first = [2]movable{cuttable, file}
			}
			populate(t, src)
			for i := range 4 {
				if _, err := src.Apply(t.Context(), anns(5000+500*i, 500)); err != nil {
					t.Fatal(err)
				}
			}
			want := everything(t, src)

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var last store.CopyProgress
			var cutting sync.WaitGroup
			defer cutting.Wait()
			err = store.Copy(ctx, first[0], first[1], &store.CopyOptions{Progress: func(p store.CopyProgress) {
				if last = p; p.People != 1000 {
					return
				}
				cutting.Go(func() {
					await(t, "the line is not cut", func(context.Context) bool { return !js.Conn().IsConnected() })
					cancel()
				})
				if toNATS {
					line.set.Store(true) // the next batch is not answered
					line.Close()
				} else {
					line.cut()
				}
			}})
			if err == nil || last.People != 1000 {
				t.Fatalf("the test is blind: %d people were copied through a line that was cut, %v", last.People, err)
			}
			if toNATS {
				more := 0
				for _, err := range whole.Dossiers(t.Context(), last.Last) {
					if err != nil {
						t.Fatal(err)
					}
					more++
				}
				if more != 500 {
					t.Errorf("the test is blind: %d people were written by the batch that was not answered", more)
				}
			}
			if err := store.Copy(t.Context(), again, src, &store.CopyOptions{After: last.Last}); err != nil {
				t.Fatal(err)
			}
			same(t, everything(t, again), want)
			sameBacklogs(t, src, again)
		})
	}
}
