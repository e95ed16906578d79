package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// An ending source fails behind a number of people.
type ending struct {
	*memstore.Store
	people int
}

var errEnding = errors.New("it ends here")

func (e ending) Dossiers(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
	return func(yield func(store.Dossier, error) bool) {
		n := 0
		for d, err := range e.Store.Dossiers(ctx, after) {
			if n == e.people {
				yield(store.Dossier{}, errEnding)
				return
			}
			n++
			if !yield(d, err) {
				return
			}
		}
	}
}

// Wherever the source fails, all that it had yielded is there, and Progress says so.
func TestCopyKeepsWhatItGot(t *testing.T) {
	const all = 1203
	src := memstore.New()
	for n := range all {
		key := store.Key{Channel: "telegram", UserID: fmt.Sprint(1000 + n)}
		p := store.Patch{Key: key, Set: map[store.Field]string{store.FieldGivenName: "Ann"}}
		if _, err := src.Apply(t.Context(), []store.Record{p.Record()}); err != nil {
			t.Fatal(err)
		}
	}
	for _, people := range []int{0, 1, 499, 500, 501, 1000, 1202} {
		dst := memstore.New()
		var p store.CopyProgress
		o := &store.CopyOptions{Progress: func(now store.CopyProgress) { p = now }}
		if err := store.Copy(t.Context(), dst, ending{src, people}, o); !errors.Is(err, errEnding) || p.People != people {
			t.Errorf("behind %d people Progress says %+v: %v", people, p, err)
		}
		o.After = p.Last
		if err := store.Copy(t.Context(), dst, src, o); err != nil || p.People != all-people {
			t.Errorf("behind %d people it goes on with %d: %v", people, p.People, err)
		}
		n := 0
		for _, err := range dst.List(t.Context(), store.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != all {
			t.Errorf("cut behind %d people, %d were copied", people, n)
		}
	}
}
