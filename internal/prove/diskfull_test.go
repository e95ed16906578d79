package prove_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/prove/disk"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// The troubles of a disk that somebody can end.
var diskTroubles = []struct {
	name  string
	begin func(d *disk.Disk)
	end   func(d *disk.Disk)
}{
	{"full", func(d *disk.Disk) { d.Limit(d.Used() + 3*4096) }, func(d *disk.Disk) { d.Limit(0) }},
	{"writes fail", failing(disk.Write), func(d *disk.Disk) { d.Fail(nil) }},
	{"syncs fail", failing(disk.Sync), func(d *disk.Disk) { d.Fail(nil) }},
}

func failing(kind disk.Kind) func(d *disk.Disk) {
	return func(d *disk.Disk) {
		d.Fail(func(c disk.Call) disk.Code {
			if c.Kind == kind {
				return kind.Failure()
			}
			return 0
		})
	}
}

// The disk is full, or fails, while a bot works, and then is not: nobody restarts
// anything. A disk that is full for real is store/sqlitestore's
// TestFullDiskLosesNothingAcknowledged.
func TestFullDiskLosesNothing(t *testing.T) {
	t.Attr("promise", "a disk that is full, and then is not, loses nothing")
	b := newDiskBot(t)
	refused, waited := 0, 0
	for range size(1, 3, 20) {
		for _, trouble := range diskTroubles {
			t.Run(trouble.name, func(t *testing.T) {
				b.everybody(t, 300)
				b.complete(t, "before")
				acknowledged := b.version
				trouble.begin(b.disk)
				b.everybody(t, 600) // 300 of them are new
				b.refuses(t)
				b.readable(t, acknowledged)
				waited = max(waited, b.mw.Stats().Waiting)
				trouble.end(b.disk)
				b.complete(t, "afterwards")
				refused++
			})
		}
	}
	b.close(t)
	t.Attr("figure", fmt.Sprintf("%d times, up to %d people waited, %d outcomes for %d observations, 0 lost, no restart",
		refused, waited, b.outcomes, b.observed))
}

// A diskBot is a bot whose store is on a disk.
type diskBot struct {
	disk *disk.Disk
	path string
	st   *sqlitestore.Store
	mw   *middleware.Middleware

	version  int64
	latest   map[int]int64 // the version that each person said last
	observed int

	mu       sync.Mutex
	outcomes int
	kept     int // Failed, and kept
}

func newDiskBot(t *testing.T) *diskBot {
	t.Helper()
	dir := t.TempDir()
	d, err := disk.Attach(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &diskBot{disk: d, path: filepath.Join(dir, "users.db"), latest: make(map[int]int64)}
	if b.st, err = sqlitestore.Open(b.path); err != nil {
		t.Fatal(err)
	}
	b.mw, err = middleware.New(b.st, &middleware.Options{Attempts: 2, OnOutcome: func(_ context.Context, o middleware.Outcome) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.outcomes++
		if o.Result == middleware.Failed && o.Kept && errors.Is(o.Err, store.ErrUnavailable) {
			b.kept++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everybody lets the first people say something new.
func (b *diskBot) everybody(t *testing.T, people int) {
	t.Helper()
	b.version++
	for n := range people {
		s := &middleware.Sender{Channel: "telegram", UserID: fmt.Sprint(n), Event: "message", At: changedAt(b.version)}
		s.Set(store.FieldUsername, b.name(n, b.version))
		s.Set(store.FieldBio, strings.Repeat("b", 500)+fmt.Sprint(b.version))
		b.mw.Observe(s)
		b.observed++
		b.latest[n] = b.version
	}
}

func (*diskBot) name(n int, version int64) string { return fmt.Sprintf("p%dv%d", n, version) }

// refuses waits until the hooks were told that something is not saved, and sees that
// whoever asks is told so too.
func (b *diskBot) refuses(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	before := b.kept
	b.mu.Unlock()
	told := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.kept > before
	}
	for deadline := time.Now().Add(time.Minute); !told(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no hook was told within a minute that nothing can be saved")
		}
	}
	if s := b.mw.Stats(); s.Waiting == 0 || s.Failed == 0 {
		t.Errorf("Stats tell of nothing: %+v", s)
	}
	err := b.mw.Set(t.Context(), store.Key{Channel: "telegram", UserID: "set"}, store.Declared, store.Profile{Bio: strings.Repeat("b", 900)})
	for range 100 { // what is left of the disk may hold a few
		if err != nil {
			break
		}
		err = b.mw.Set(t.Context(), store.Key{Channel: "telegram", UserID: "set"}, store.Declared, store.Profile{Bio: strings.Repeat(fmt.Sprint(time.Now().UnixNano()), 40)})
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Set returned %v; want it to wrap ErrUnavailable", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.mw.Flush(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Flush returned %v; want it to wrap ErrUnavailable", err)
	}
}

// readable sees that the store has what was acknowledged, and handlers what was
// observed since.
func (b *diskBot) readable(t *testing.T, acknowledged int64) {
	t.Helper()
	for n := range 300 {
		key := store.Key{Channel: "telegram", UserID: fmt.Sprint(n)}
		r, err := b.st.Get(t.Context(), key)
		if name := r.Profile().Username; err != nil || name != b.name(n, acknowledged) && name != b.name(n, b.version) {
			t.Fatalf("%s is not what was acknowledged: %q, %v", key, name, err)
		}
		if p, err := b.mw.Get(t.Context(), key); err != nil || p.Username != b.name(n, b.version) {
			t.Fatalf("a handler does not see what %s said last: %q, %v", key, p.Username, err)
		}
	}
}

// complete waits until all is saved, and looks at everybody.
func (b *diskBot) complete(t *testing.T, when string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.mw.Flush(ctx); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	for n, version := range b.latest {
		key := store.Key{Channel: "telegram", UserID: fmt.Sprint(n)}
		r, err := b.st.Get(ctx, key)
		if err != nil {
			t.Fatalf("%s %s is lost: %v", when, key, err)
		}
		if name := r.Profile().Username; name != b.name(n, version) {
			t.Fatalf("%s %s is %q; want %q", when, key, name, b.name(n, version))
		}
	}
}

func (b *diskBot) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(b.mw.Close(t.Context()), b.st.Close(), b.disk.Detach(), integrity(b.path)); err != nil {
		t.Error(err)
	}
	if b.outcomes != b.observed {
		t.Errorf("%d outcomes for %d observations", b.outcomes, b.observed)
	}
}
