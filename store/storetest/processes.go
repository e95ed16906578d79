package storetest

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Processes makes Run check the properties of races a second time, in a subtest
// "processes" of each, where other processes do what goroutines did. It is for a
// store that several processes may use at once.
//
// command returns what starts one of them: a process that opens what st keeps, a
// store of newStore's, and calls [Serve] with its standard input and output. Run
// starts it and, when the property was checked, closes its input; it must then exit
// with 0. Its standard error is the test's, where command leaves it nil. The Example
// shows how a test binary is such a process.
func Processes(command func(t *testing.T, st store.Store) *exec.Cmd) Option {
	return func(c *config) { c.command = command }
}

// Serve does with st what a Run in another process asks for on r, and answers on w,
// until r ends: it is the whole of a process of [Processes]. Errors of the store are
// answers. What it returns is an error of r or w.
func Serve(st store.Store, r io.Reader, w io.Writer) error {
	questions, answers := gob.NewDecoder(r), gob.NewEncoder(w)
	for {
		var q question
		if err := questions.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("storetest: serve: %w", err)
		}
		if err := answers.Encode(q.ask(here{st})); err != nil {
			return fmt.Errorf("storetest: serve: %w", err)
		}
	}
}

// A question is a call of one method of a racer, which has the arguments of all.
type question struct {
	Method  string
	Deltas  []store.Record
	Backend string
	Limit   int
	Lease   time.Duration
	Keys    []store.Key
	Before  time.Time
}

// An answer is what came of it.
type answer struct {
	Changes []store.Change
	Claims  []store.Claim
	Wait    time.Duration
	Expired []bool

	Failed      string // "" for no error
	Unavailable bool   // whether that wraps store.ErrUnavailable
}

const (
	methodApply  = "Apply"
	methodClaim  = "Claim"
	methodExpire = "Expire"
)

func (q question) ask(r racer) (a answer) {
	ctx := context.Background()
	var err error
	switch q.Method {
	case methodApply:
		a.Changes, err = r.Apply(ctx, q.Deltas)
	case methodClaim:
		a.Claims, a.Wait, err = r.Claim(ctx, q.Backend, q.Limit, q.Lease)
	case methodExpire:
		a.Expired, err = r.Expire(ctx, q.Keys, q.Before)
	default:
		err = fmt.Errorf("there is no method %q: is it of another version of storetest?", q.Method)
	}
	if err != nil {
		a.Failed, a.Unavailable = err.Error(), errors.Is(err, store.ErrUnavailable)
	}
	return a
}

func (a answer) err() error {
	switch {
	case a.Failed == "":
		return nil
	case a.Unavailable:
		return fmt.Errorf("in another process: %s (%w)", a.Failed, store.ErrUnavailable)
	}
	return fmt.Errorf("in another process: %s", a.Failed)
}

// elsewhere is a racer in another process.
type elsewhere struct {
	mu        sync.Mutex
	questions *gob.Encoder
	answers   *gob.Decoder
}

func newElsewhere(r io.Reader, w io.Writer) *elsewhere {
	return &elsewhere{questions: gob.NewEncoder(w), answers: gob.NewDecoder(r)}
}

func (e *elsewhere) ask(q question) (a answer, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.questions.Encode(q); err != nil {
		return a, fmt.Errorf("asking another process: %w", err)
	}
	if err := e.answers.Decode(&a); err != nil {
		return a, fmt.Errorf("another process does not answer: %w", err)
	}
	return a, a.err()
}

func (e *elsewhere) Apply(_ context.Context, deltas []store.Record) ([]store.Change, error) {
	a, err := e.ask(question{Method: methodApply, Deltas: deltas})
	return a.Changes, err
}

func (e *elsewhere) Claim(_ context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	a, err := e.ask(question{Method: methodClaim, Backend: backend, Limit: limit, Lease: lease})
	return a.Claims, a.Wait, err
}

func (e *elsewhere) Expire(_ context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	a, err := e.ask(question{Method: methodExpire, Keys: keys, Before: before})
	return a.Expired, err
}

// start starts cmd. end closes its input and waits for its end, which it must come to
// within patience.
func start(cmd *exec.Cmd, patience time.Duration) (e *elsewhere, end func() error, err error) {
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	end = func() error {
		defer time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }).Stop()
		return errors.Join(in.Close(), cmd.Wait())
	}
	return newElsewhere(out, in), end, nil
}
