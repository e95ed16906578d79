package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func Example() {
	ctx := context.Background()
	st := memstore.New()
	defer st.Close()

	ann := store.Key{Channel: "discord", UserID: "80351110224678912"}
	seen := store.Patch{Key: ann, At: time.Now(), Set: map[store.Field]string{store.FieldUsername: "ann"}}
	if _, err := st.Apply(ctx, []store.Record{seen.Record()}); err != nil {
		log.Fatal(err)
	}
	r, err := st.Get(ctx, ann)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Profile().DisplayName(), r.Profile().Status)

	if err := st.Forget(ctx, ann, true); err != nil {
		log.Fatal(err)
	}
	_, err = st.Get(ctx, ann)
	fmt.Println(errors.Is(err, store.ErrSuppressed))
	// Output:
	// ann active
	// true
}
