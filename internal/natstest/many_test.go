package natstest

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var people = flag.Int("people", 2000, "how many people TestManyPeople keeps, and places are left in TestOwedBehindManyStrays; above 100000 the server lists them in parts")

func TestManyPeople(t *testing.T) {
	t.Parallel()
	n := single(t)
	js := connect(t, n)
	st := open(t, js, "many", 1)
	empty := n.memory(t)
	r := rand.New(rand.NewPCG(7, 7))
	var keys []store.Key
	began := time.Now()
	var deltas []store.Record
	for i := range *people {
		key := person(r.IntN(1 << 40))
		if i%10 == 0 {
			key.Channel = "discord"
		}
		keys = append(keys, key)
		deltas = append(deltas, store.Patch{Key: key, At: epoch, Set: map[store.Field]string{
			store.FieldGivenName: "Ann", store.FieldFamilyName: "Schmidt", store.FieldUsername: fmt.Sprint("ann_", i),
			store.FieldLocale: "de", store.FieldStatus: "active", store.FieldIsPremium: "true",
		}}.Record())
		if len(deltas) == 500 || i == *people-1 {
			if _, err := st.Apply(t.Context(), deltas); err != nil {
				t.Fatal(err)
			}
			deltas = deltas[:0]
		}
	}
	slices.SortFunc(keys, store.Key.Compare)
	keys = slices.Compact(keys)
	t.Logf("%d people saved in %s", len(keys), time.Since(began).Round(time.Millisecond))
	size := func(when string) {
		t.Helper()
		s, err := js.Stream(t.Context(), "KV_many")
		if err != nil {
			t.Fatal(err)
		}
		t.Attr("figure", fmt.Sprintf("%d people %s: %d bytes of messages a person, %d of files, %d of the server's memory (%d MB, and %d when it was empty)",
			len(keys), when, s.CachedInfo().State.Bytes/uint64(len(keys)), folderSize(t, n.config.Dir)/int64(len(keys)),
			(n.memory(t)-empty)/int64(len(keys)), n.memory(t)>>20, empty>>20))
	}
	size("saved")

	list := func(f store.Filter) (got []store.Key) {
		for p, err := range st.List(t.Context(), f) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.Key)
		}
		return got
	}
	began = time.Now()
	if got := list(store.Filter{}); !slices.Equal(got, keys) {
		t.Errorf("List yields %d people, not the %d that are kept, in order", len(got), len(keys))
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("listed in %s, with a heap of up to %d MB", time.Since(began).Round(time.Millisecond), memory.HeapSys>>20)

	began = time.Now()
	const pages = 50
	for range pages {
		i := r.IntN(len(keys))
		if got := list(store.Filter{After: keys[i], Limit: 100}); !slices.Equal(got, keys[i+1:min(i+101, len(keys))]) {
			t.Errorf("the page behind %s is wrong", keys[i])
		}
	}
	t.Logf("a page of 100 takes %s", (time.Since(began) / pages).Round(time.Microsecond))

	began = time.Now()
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	t.Logf("enrolled in %s", time.Since(began).Round(time.Millisecond))
	owed(t, st, store.Backlog{Owed: len(keys), Bulk: len(keys)})
	size("owed to a backend")
	began = time.Now()
	for _, what := range []string{"first", "second"} {
		claims, _, err := st.Claim(t.Context(), crm, 100, time.Minute)
		if err != nil || len(claims) != 100 {
			t.Fatalf("%d claims, %v", len(claims), err)
		}
		t.Logf("the %s Claim of 100 takes %s", what, time.Since(began).Round(time.Millisecond))
		began = time.Now()
	}
	if err := st.Resync(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	t.Logf("resynced in %s", time.Since(began).Round(time.Millisecond))
}

// memory is what the node's process takes, in bytes; 0 where nobody knows.
func (n *node) memory(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.cmd.Process.Pid))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// folderSize is how many bytes the files of a folder have.
func folderSize(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the server removes files meanwhile
		t.Fatal(err)
	}
	return size
}
