package middleware

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// Deliver brings o.Backends up to date with st until ctx ends, in a process that
// serves no bot: then the bots' processes need no Options.Backends, once the
// backends are enrolled. Any number of processes may deliver beside each other. It
// returns nil when ctx ended and the calls that ran came to their end, for which
// it waits up to half a minute. st stays the caller's.
//
// Of o, which is not nil, the Logger, the hooks and Attempts count too; and Retention
// with SeenEvery, where this process is to erase people whose time is over. The error
// wraps store.ErrInvalid, as that of New does.
func Deliver(ctx context.Context, st store.Store, o *Options) error {
	if o == nil || len(o.Backends) == 0 {
		return fmt.Errorf("middleware: deliver: Options.Backends is empty: %w", store.ErrInvalid)
	}
	alone := *o
	alone.ExpectedPeople = 1 // nobody is observed
	m, err := New(st, &alone)
	if err != nil {
		return err
	}
	<-ctx.Done()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultTimeout+leaseMargin)
	defer cancel()
	return m.Close(closing)
}

func (m *Middleware) startDeliveries() {
	claiming, stop := context.WithCancel(context.Background())
	calling, cancel := context.WithCancel(context.Background())
	m.stopDeliveries, m.cancelCalls = stop, cancel
	var all, enrolling sync.WaitGroup
	for _, d := range m.deliverers {
		enrolling.Go(func() { d.enroll(claiming) })
		all.Go(func() { d.run(claiming, calling) })
	}
	if len(m.deliverers) > 0 {
		all.Go(func() {
			enrolling.Wait()
			m.nameOthers(claiming)
		})
	}
	go func() {
		all.Wait()
		close(m.deliveriesEnded)
	}()
}

// enroll makes the backend known to the outbox, however long the outbox is away.
// Deliveries begin meanwhile.
func (d *deliverer) enroll(ctx context.Context) {
	for refusals := 0; ctx.Err() == nil; refusals++ {
		err := d.m.containStore(func() error { return d.m.outbox.Enroll(ctx, d.name) })
		d.enrolled.Store(err == nil)
		d.nudge()
		if err == nil || ctx.Err() != nil {
			return
		}
		if refusals == 0 {
			d.log.Warn("store refuses to enroll the backend; nobody new is delivered meanwhile", causeField(err))
		}
		pause := time.NewTimer(rand.N(min(maxBackoff, spanOf(firstBackoff, refusals))))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// nameOthers tells the owner of backends that this process does not deliver to: what
// is owed to one that nobody uses any more grows until it is withdrawn.
func (m *Middleware) nameOthers(ctx context.Context) {
	var backlogs []store.Backlog
	_ = m.containStore(func() (err error) {
		backlogs, err = m.outbox.Backlogs(ctx)
		return err
	})
	for _, b := range backlogs {
		ours := slices.ContainsFunc(m.deliverers, func(d *deliverer) bool { return d.name == b.Backend })
		if !ours {
			m.log.Info("another backend is enrolled, which this process does not deliver to; where no other does, withdraw it from the store",
				zap.String("backend", b.Backend), zap.Int("owed", b.Owed))
		}
	}
}

// nudge lets the deliverers look at once for what is owed.
func (m *Middleware) nudge() {
	for _, d := range m.deliverers {
		d.nudge()
	}
}

// endDeliveries stops the deliverers, waits for the calls that run, and says in
// the log what is still owed. After the end of ctx that takes 2*hookGrace at most.
func (m *Middleware) endDeliveries(ctx context.Context) {
	m.stopDeliveries()
	select {
	case <-m.deliveriesEnded:
	case <-ctx.Done():
	}
	m.cancelCalls()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*hookGrace)
	defer cancel()
	select {
	case <-m.deliveriesEnded:
	case <-time.After(hookGrace):
		m.log.Warn("calls to backends are left behind; what they were for is delivered again")
	}
	if len(m.deliverers) == 0 {
		return
	}
	if ctx.Err() != nil {
		ctx = grace
	}
	m.logOwed(ctx)
}

// logOwed asks the store on a goroutine of its own, since that may be deaf to ctx.
func (m *Middleware) logOwed(ctx context.Context) {
	told := make(chan []store.Backlog, 1)
	go func() {
		backlogs, _ := m.Backlogs(ctx)
		told <- backlogs
	}()
	select {
	case backlogs := <-told:
		for _, b := range backlogs {
			if b.Owed > 0 {
				m.log.Info("still owed", zap.String("backend", b.Backend), zap.Int("people", b.Owed))
			}
		}
	case <-ctx.Done():
	}
}

// Backlogs tells what is owed to each enrolled backend, and how far an enrolling
// or a Resync is. It counts in the store, so it is for people to look at, not for
// each message. The error is the store's, and wraps store.ErrInvalid for one that
// is no store.Outbox.
func (m *Middleware) Backlogs(ctx context.Context) ([]store.Backlog, error) {
	if m.outbox == nil {
		return nil, fmt.Errorf("middleware: backlogs: %w", errNoOutbox)
	}
	return contained(m, func() ([]store.Backlog, error) { return m.outbox.Backlogs(ctx) })
}

// Resync makes everybody owed to a backend again, whole: for one that lost data,
// or that somebody changed by hand. It returns when that is durable, which can
// take a while; Backlogs shows the progress of this and of the deliveries. The
// error is the store's: it wraps store.ErrNotFound for a backend that is not
// enrolled.
func (m *Middleware) Resync(ctx context.Context, backend string) error {
	if m.outbox == nil {
		return fmt.Errorf("middleware: resync %s: %w", backend, errNoOutbox)
	}
	defer m.nudge()
	return m.containStore(func() error { return m.outbox.Resync(ctx, backend) })
}

// Replay makes the dead letters of a backend owed again, those of one person or,
// with the zero Key, all, and returns how many. What waits for another try, be it a
// person or the whole backend, is tried now, but not what the backend itself asked
// to wait for. It is for when somebody has put the backend right. The error is the
// store's, as that of Resync.
func (m *Middleware) Replay(ctx context.Context, backend string, key store.Key) (int, error) {
	if m.outbox == nil {
		return 0, fmt.Errorf("middleware: replay to %s: %w", backend, errNoOutbox)
	}
	dead, err := contained(m, func() (int, error) { return m.outbox.Replay(ctx, backend, key) })
	for _, d := range m.deliverers {
		if d.name == backend {
			d.hurry.Store(true)
			d.nudge()
		}
	}
	return dead, err
}

var errNoOutbox = fmt.Errorf("the store is no store.Outbox: %w", store.ErrInvalid)
