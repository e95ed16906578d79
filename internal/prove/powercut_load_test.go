package prove_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/prove/disk"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

var crmBackends = []string{"crm-a", "crm-b"}

// A powerLoad is a bot at work on a disk: several goroutines that bring people,
// changes, statements and requests to be forgotten, two backends, and a second
// connection that writes beside it.
type powerLoad struct {
	t    *testing.T
	path string
	acks *acknowledgements
	next atomic.Int64 // makes each change another

	longest int64 // bytes of the log
}

// changedAt is when change n was made.
func changedAt(n int64) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
}

// session opens the file, works until people were told so often that something is
// durable, and closes it.
func (l *powerLoad) session(told int) {
	l.t.Helper()
	st, beside := l.open(), l.open()
	mw, err := middleware.New(st, &middleware.Options{
		Backends: []store.Backend{&crm{name: crmBackends[0], every: 5}, &crm{name: crmBackends[1], every: 7}},
		OnSuccess: func(_ context.Context, o middleware.Outcome) {
			if o.Target == middleware.TargetStore {
				l.acks.outcome(o)
			}
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.awaitEnrolled(mw)
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	for part := range 3 {
		work.Go(func() { l.observe(ctx, mw, uint64(part)) })
	}
	work.Go(func() { l.state(ctx, mw) })
	work.Go(func() { l.forget(ctx, mw, told/2) })
	work.Go(func() { l.besides(ctx, beside) })
	for l.told() < told && !l.t.Failed() {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	work.Wait()
	if log, err := os.Stat(l.path + "-wal"); err != nil {
		l.t.Error(err)
	} else {
		l.longest = max(l.longest, log.Size())
	}
	if err := mw.Close(l.t.Context()); err != nil {
		l.t.Error(err)
	}
	for _, s := range []witness{beside, st} {
		if err := s.Close(); err != nil {
			l.t.Error(err)
		}
	}
}

func (l *powerLoad) told() int {
	l.acks.mu.Lock()
	defer l.acks.mu.Unlock()
	return l.acks.told
}

func (l *powerLoad) open() witness {
	l.t.Helper()
	st, err := sqlitestore.Open(l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	return witness{st, l.acks}
}

func (l *powerLoad) awaitEnrolled(mw *middleware.Middleware) {
	l.t.Helper()
	for {
		backlogs, err := mw.Backlogs(l.t.Context())
		if err != nil {
			l.t.Fatal(err)
		}
		if len(backlogs) == len(crmBackends) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (l *powerLoad) sender(id string) *middleware.Sender {
	n := l.next.Add(1)
	s := &middleware.Sender{Channel: "telegram", UserID: id, Event: "message", At: changedAt(n)}
	s.Set(store.FieldUsername, fmt.Sprint("v", n))
	s.Set(store.FieldBio, strings.Repeat(fmt.Sprint(n, " "), 1+int(n%200)))
	return s
}

// observe lets people of its own part come and change, as fast as they can be saved.
func (l *powerLoad) observe(ctx context.Context, mw *middleware.Middleware, part uint64) {
	rnd := rand.New(rand.NewPCG(part, 1))
	for ctx.Err() == nil {
		if mw.Stats().Waiting > 600 {
			time.Sleep(time.Millisecond)
			continue
		}
		mw.Observe(l.sender(fmt.Sprintf("%d-%d", part, rnd.IntN(900))))
	}
}

// state declares something of a few people, and returns when it is durable.
func (l *powerLoad) state(ctx context.Context, mw *middleware.Middleware) {
	for n := 0; ctx.Err() == nil; n++ {
		key := store.Key{Channel: "telegram", UserID: fmt.Sprintf("0-%d", n%50)}
		email := fmt.Sprintf("p%d@example.org", l.next.Add(1))
		l.persist(ctx, func(ctx context.Context) error {
			return mw.Set(ctx, key, store.Declared, store.Profile{Email: email})
		})
		time.Sleep(3 * time.Millisecond)
	}
}

// forget lets people be forgotten who came moments before, in the first part of a
// session: it empties the log, which later is to grow until SQLite does that.
func (l *powerLoad) forget(ctx context.Context, mw *middleware.Middleware, until int) {
	for ctx.Err() == nil && l.told() < until {
		s := l.sender(fmt.Sprint("f-", l.next.Add(1)))
		mw.Observe(s)
		time.Sleep(20 * time.Millisecond)
		l.persist(ctx, func(ctx context.Context) error { return mw.Forget(ctx, s.Key()) })
	}
}

// besides is another program with the same file.
func (l *powerLoad) besides(ctx context.Context, st store.Store) {
	for ctx.Err() == nil {
		n := l.next.Add(1)
		delta := store.Patch{
			Key: store.Key{Channel: "discord", UserID: fmt.Sprint("b-", n%200)}, Source: store.Observed,
			At: changedAt(n), Set: map[store.Field]string{store.FieldUsername: fmt.Sprint("v", n)},
		}.Record()
		l.persist(ctx, func(ctx context.Context) error {
			_, err := st.Apply(ctx, []store.Record{delta})
			return err
		})
		time.Sleep(5 * time.Millisecond)
	}
}

// persist makes a call until it succeeds, and notes that it did. SQLite's locks know no
// turns, so one of two connections may wait in vain.
func (l *powerLoad) persist(ctx context.Context, call func(ctx context.Context) error) {
	for {
		err := call(context.WithoutCancel(ctx))
		switch {
		case err == nil:
			l.acks.tell()
			return
		case !errors.Is(err, store.ErrUnavailable):
			l.t.Error(err)
			return
		case ctx.Err() != nil:
			return
		}
	}
}

func newPowerLoad(t *testing.T) *powerLoad {
	t.Helper()
	dir := t.TempDir()
	d, err := disk.Attach(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Detach(); err != nil {
			t.Error(err)
		}
	})
	return &powerLoad{t: t, path: filepath.Join(dir, "users.db"), acks: &acknowledgements{disk: d}}
}
