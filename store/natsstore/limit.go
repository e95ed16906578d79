package natsstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// A limit is how long one kind of request is waited for. What is lost with a leader or
// a connection should be asked for again soon, and a slow server must not be asked
// again before it could answer, which would make it slower. So the limit grows when
// nothing was heard, and then follows the answers.
type limit struct {
	least, most time.Duration
	learned     atomic.Int64 // nanoseconds
}

const (
	answerTime     = 2 * time.Second
	mostAnswerTime = 16 * time.Second
	// Of a request which makes the server go through many subjects.
	listTime     = 20 * time.Second // less than patience, so that it is asked for twice
	mostListTime = time.Minute
	// growth is by how much a limit grows, and how much longer than the last answer
	// the next may take.
	growth = 3
)

// watch calls ask with a limit, which learns from how long that took. It does not where
// the caller gave up, or the answer was lost with the connection.
func (s *Store) watch(l *limit, ask func(wait time.Duration) error) error {
	wait := max(l.least, time.Duration(l.learned.Load()))
	began, connections := time.Now(), s.nc.Stats().Reconnects
	err := ask(wait)
	took := time.Since(began)
	unanswered := isTimeout(err) && took >= wait && s.nc.IsConnected() && s.nc.Stats().Reconnects == connections
	if err == nil || unanswered {
		l.learned.Store(int64(min(l.most, growth*took)))
	}
	return err
}

func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
}

// late tells a server that does not answer from a caller who gave up.
func late(ctx context.Context, err error) error {
	if ctx.Err() == nil && isTimeout(err) {
		return errUnanswered
	}
	return err
}

// outlasting returns a context for what should not be given up half-way. It ends after
// wait, or answerTime after ctx.
func outlasting(ctx context.Context, wait time.Duration) (longer context.Context, cancel func()) {
	longer, end := context.WithTimeout(context.WithoutCancel(ctx), wait)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(answerTime, end) })
	return longer, func() {
		stop()
		end()
	}
}

// whileConnected returns a context that ends with ctx, or when the connection is lost,
// and with it the answer to what was asked.
func (s *Store) whileConnected(ctx context.Context) (connected context.Context, done func()) {
	connected, cancel := context.WithCancel(ctx)
	lost := s.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	go func() {
		<-lost
		cancel()
	}()
	return connected, func() { s.nc.RemoveStatusListener(lost) }
}
