package otelrollcall

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

const (
	// askTimeout bounds one question to the store.
	askTimeout = 30 * time.Second
	// patience is how long a collection waits for the answer. A store that is slow or
	// away must not cost the process all its other metrics.
	patience = 250 * time.Millisecond
)

// backlogs asks the store for what is owed, not too often, and one question at a
// time, on a goroutine of its own.
type backlogs struct {
	ask   func(context.Context) ([]store.Backlog, error)
	every time.Duration // negative: never

	mu       sync.Mutex
	asked    time.Time
	answered time.Time
	answer   []store.Backlog
	running  chan struct{} // closed at the end of the question that is under way; nil: none is
}

// latest returns the last answer. Where the store gave an error, or has not answered
// for long, it is none: a gap shows that better than a number of before.
func (b *backlogs) latest(ctx context.Context) []store.Backlog {
	if b.every < 0 {
		return nil
	}
	if running := b.refresh(); running != nil {
		wait := time.NewTimer(patience)
		defer wait.Stop()
		select {
		case <-running:
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.answered)-askTimeout > b.every {
		return nil
	}
	return b.answer
}

// refresh asks when it is time to, and returns the question that is under way.
func (b *backlogs) refresh() (running chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running != nil || !b.asked.IsZero() && time.Since(b.asked) < b.every {
		return b.running
	}
	b.asked, b.running = time.Now(), make(chan struct{})
	go b.question(b.running)
	return b.running
}

func (b *backlogs) question(running chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	answer, err := contained(ctx, b.ask)
	if err != nil {
		answer = nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer, b.answered, b.running = answer, time.Now(), nil
	close(running)
}

// contained makes an error of a panic in the store, which must not end the bot.
func contained(ctx context.Context, ask func(context.Context) ([]store.Backlog, error)) (answer []store.Backlog, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("otelrollcall: the store panicked: %w", store.ErrUnavailable)
		}
	}()
	return ask(ctx)
}
