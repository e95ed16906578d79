package natsstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A job is what is under way with all people of a backend, in steps, so that any
// process can go on with it.
type job string

const (
	jobNone   job = ""
	jobEnroll job = "enroll"
	jobResync job = "resync"
)

// stepSize is how many people one transaction of a job changes: each is two
// messages.
const stepSize = 450

var errNotEnrolled = fmt.Errorf("the backend is not enrolled: %w", store.ErrNotFound)

// Enroll implements [store.Outbox].
func (s *Store) Enroll(ctx context.Context, backend string) error {
	err := s.update(ctx, nil, func(t *tx) error {
		if _, found := t.registry.Backends[backend]; !found {
			t.enroll(backend, enrolment{Number: t.registry.Next, Job: jobEnroll, Began: t.now.UnixMilli()})
			t.registry.Next++
			t.enrols = true
		}
		return nil
	})
	if err == nil {
		err = s.run(ctx, backend)
	}
	if err != nil {
		return s.fail(ctx, fmt.Sprintf("enroll %q", backend), err)
	}
	return nil
}

// Resync implements [store.Outbox].
func (s *Store) Resync(ctx context.Context, backend string) error {
	err := s.update(ctx, nil, func(t *tx) error {
		e, err := t.backend(backend)
		if err == nil {
			t.enroll(backend, enrolment{Number: e.Number, Job: jobResync, Began: t.now.UnixMilli()})
		}
		return err
	})
	if err == nil {
		err = s.run(ctx, backend)
	}
	if err != nil {
		return s.fail(ctx, fmt.Sprintf("resync %q", backend), err)
	}
	return nil
}

var errJobMoved = errors.New("another process goes on with the job")

// run does the steps of a backend's job until there is none any more. Others may
// do some of them.
func (s *Store) run(ctx context.Context, backend string) error {
	for {
		e, err := s.enrolment(ctx, backend)
		if err != nil || e.Job == jobNone {
			return err
		}
		err = s.runFrom(ctx, backend, e)
		if err != nil && !errors.Is(err, errJobMoved) {
			return err
		}
	}
}

func (s *Store) enrolment(ctx context.Context, backend string) (enrolment, error) {
	return update(ctx, s, nil, func(t *tx) (enrolment, error) { return t.backend(backend) })
}

func (s *Store) runFrom(ctx context.Context, backend string, e enrolment) error {
	var cursor store.Key
	if e.Cursor != "" {
		var err error
		if cursor, err = store.ParseKey(e.Cursor); err != nil {
			return fmt.Errorf("%w: the cursor of %q cannot be read", ErrCorrupt, backend)
		}
	}
	if err := s.settleDown(ctx); err != nil {
		return err
	}
	for keys, err := range s.keys(ctx, "", cursor) {
		for err == nil && len(keys) > 0 {
			n := min(stepSize, len(keys))
			e, err = s.step(ctx, backend, e, keys[:n])
			keys = keys[n:]
		}
		if err != nil {
			return err
		}
	}
	_, err := s.step(ctx, backend, e, nil)
	return err
}

// step does a job for the next people, and ends it when there are none.
func (s *Store) step(ctx context.Context, backend string, at enrolment, keys []store.Key) (next enrolment, err error) {
	return update(ctx, s, keys, func(t *tx) (enrolment, error) {
		e, err := t.backend(backend)
		if err != nil {
			return e, err
		}
		if e != at {
			return e, errJobMoved
		}
		for _, key := range keys {
			if p := t.people[key]; p.kept || p.damaged {
				e.Total++
				t.bulk(p, backend, e.Job)
			}
		}
		if len(keys) == 0 {
			e.Job, e.Cursor = jobNone, ""
		} else {
			e.Cursor = keys[len(keys)-1].String()
		}
		t.enroll(backend, e)
		return e, nil
	})
}

// bulk does a job for one person. Who has a standing when a backend is enrolled
// got it by a change since, and all of them is owed.
func (t *tx) bulk(p *person, backend string, j job) {
	if st, _, found := p.standing(backend); !found || j != jobEnroll {
		t.put(p, st.Bulked(t.now))
	}
}

// Backlogs implements [store.Outbox]. The server counts what is owed and dead by
// where it is found.
func (s *Store) Backlogs(ctx context.Context) ([]store.Backlog, error) {
	backlogs, err := s.backlogs(ctx)
	if err != nil {
		return nil, s.fail(ctx, "backlogs", err)
	}
	return backlogs, nil
}

func (s *Store) backlogs(ctx context.Context) ([]store.Backlog, error) {
	r, err := s.backends(ctx)
	var backlogs []store.Backlog
	for _, name := range r.names() {
		e := r.Backends[name]
		b := store.Backlog{
			Backend: name, Complete: e.Job == jobNone, Total: e.Total, Elapsed: time.Since(time.UnixMilli(e.Began)),
		}
		counts := make(map[lane]int)
		for _, l := range []lane{laneLive, laneBulk, laneDead} {
			if err == nil {
				counts[l], err = s.count(ctx, name, e.Number, l)
			}
		}
		b.Owed, b.Bulk, b.Dead = counts[laneLive]+counts[laneBulk], counts[laneBulk], counts[laneDead]
		backlogs = append(backlogs, b)
	}
	return backlogs, err
}
