package prove_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A failpoint lets one call, of all that are made of a store and of backends, fail.
type failpoint struct {
	at    int64 // 0: none fails
	mode  failMode
	calls atomic.Int64
	hit   atomic.Pointer[string] // the name of the call
	names sync.Map               // of all calls
}

// missing returns the calls that a store or a backend can be asked for, and was not.
func (f *failpoint) missing() (names []string) {
	for _, name := range []string{
		"Apply", "Get", "List", "Forget", "Readmit", "Enroll", "Withdraw", "Resync", "Replay", "Claim", "Settle",
		"Standings", "Backlogs", "Dossiers", "Import", "Expire", "Deliver", "Erase",
	} {
		if _, made := f.names.Load(name); !made {
			names = append(names, name)
		}
	}
	return names
}

// A failMode is the way in which a call fails. lost is the error of the kind that says
// that nobody knows what became of the call.
type failMode func(ctx context.Context, do func() error, lost error) error

func refuse(context.Context, func() error, error) error { return store.ErrUnavailable }

func loseAnswer(_ context.Context, do func() error, lost error) error {
	_ = do()
	return lost
}

func panicBefore(context.Context, func() error, error) error { panic("a failpoint") }

func panicAfter(_ context.Context, do func() error, _ error) error {
	_ = do()
	panic("a failpoint")
}

func hang(ctx context.Context, _ func() error, _ error) error {
	<-ctx.Done()
	return ctx.Err()
}

func killBefore(context.Context, func() error, error) error { return killSelf() }

func killAfter(_ context.Context, do func() error, _ error) error {
	_ = do()
	return killSelf()
}

func killSelf() error {
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	select {}
}

func (f *failpoint) call(ctx context.Context, name string, lost error, do func() error) error {
	f.names.Store(name, nil)
	if f.calls.Add(1) != f.at {
		return do()
	}
	f.hit.Store(&name)
	return f.mode(ctx, do, lost)
}

func (f *failpoint) String() string {
	if name := f.hit.Load(); name != nil {
		return fmt.Sprintf("call %d (%s)", f.at, *name)
	}
	return fmt.Sprintf("call %d", f.at)
}

// A wholeStore is all that a store can do.
type wholeStore interface {
	store.Outbox
	store.Portable
	store.Expirer
}

// A failingStore asks a failpoint before each call. lease bounds that of a claim, so
// that a test need not wait for one whose holder was killed. 0: no bound.
type failingStore struct {
	inner wholeStore
	f     *failpoint
	lease time.Duration
}

func (s failingStore) call(ctx context.Context, name string, do func() error) error {
	return s.f.call(ctx, name, store.ErrUnavailable, do)
}

func answer[T any](ctx context.Context, s failingStore, name string, do func() (T, error)) (T, error) {
	var result T
	err := s.call(ctx, name, func() (err error) {
		result, err = do()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return result, nil
}

func sequence[T any](ctx context.Context, s failingStore, name string, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ended := false
		err := s.call(ctx, name, func() error {
			for x, err := range all {
				if !yield(x, err) || err != nil {
					ended = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !ended {
			var none T
			yield(none, err)
		}
	}
}

func (s failingStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	return answer(ctx, s, "Apply", func() ([]store.Change, error) { return s.inner.Apply(ctx, deltas) })
}

func (s failingStore) Get(ctx context.Context, key store.Key) (store.Record, error) {
	return answer(ctx, s, "Get", func() (store.Record, error) { return s.inner.Get(ctx, key) })
}

func (s failingStore) List(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
	return sequence(ctx, s, "List", s.inner.List(ctx, f))
}

func (s failingStore) Forget(ctx context.Context, key store.Key, suppress bool) error {
	return s.call(ctx, "Forget", func() error { return s.inner.Forget(ctx, key, suppress) })
}

func (s failingStore) Readmit(ctx context.Context, key store.Key) error {
	return s.call(ctx, "Readmit", func() error { return s.inner.Readmit(ctx, key) })
}

func (s failingStore) Enroll(ctx context.Context, backend string) error {
	return s.call(ctx, "Enroll", func() error { return s.inner.Enroll(ctx, backend) })
}

func (s failingStore) Withdraw(ctx context.Context, backend string) error {
	return s.call(ctx, "Withdraw", func() error { return s.inner.Withdraw(ctx, backend) })
}

func (s failingStore) Resync(ctx context.Context, backend string) error {
	return s.call(ctx, "Resync", func() error { return s.inner.Resync(ctx, backend) })
}

func (s failingStore) Replay(ctx context.Context, backend string, key store.Key) (int, error) {
	return answer(ctx, s, "Replay", func() (int, error) { return s.inner.Replay(ctx, backend, key) })
}

func (s failingStore) Claim(ctx context.Context, backend string, limit int, lease time.Duration) (claims []store.Claim, next time.Duration, err error) {
	if s.lease > 0 {
		lease = min(lease, s.lease)
	}
	err = s.call(ctx, "Claim", func() (err error) {
		claims, next, err = s.inner.Claim(ctx, backend, limit, lease)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return claims, next, nil
}

func (s failingStore) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	return s.call(ctx, "Settle", func() error { return s.inner.Settle(ctx, backend, settlements) })
}

func (s failingStore) Standings(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
	return sequence(ctx, s, "Standings", s.inner.Standings(ctx, f))
}

func (s failingStore) Backlogs(ctx context.Context) ([]store.Backlog, error) {
	return answer(ctx, s, "Backlogs", func() ([]store.Backlog, error) { return s.inner.Backlogs(ctx) })
}

func (s failingStore) Dossiers(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
	return sequence(ctx, s, "Dossiers", s.inner.Dossiers(ctx, after))
}

func (s failingStore) Import(ctx context.Context, dossiers []store.Dossier) error {
	return s.call(ctx, "Import", func() error { return s.inner.Import(ctx, dossiers) })
}

func (s failingStore) Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	return answer(ctx, s, "Expire", func() ([]bool, error) { return s.inner.Expire(ctx, keys, before) })
}

// A failingBackend asks a failpoint before each call.
type failingBackend struct {
	store.Eraser
	f *failpoint
}

func (b failingBackend) Deliver(ctx context.Context, d store.Delivery) (receipt store.Receipt, err error) {
	err = b.f.call(ctx, "Deliver", store.ErrUnanswered, func() (err error) {
		receipt, err = b.Eraser.Deliver(ctx, d)
		return err
	})
	return receipt, err
}

func (b failingBackend) Erase(ctx context.Context, key store.Key, remote string) error {
	return b.f.call(ctx, "Erase", store.ErrUnanswered, func() error { return b.Eraser.Erase(ctx, key, remote) })
}
