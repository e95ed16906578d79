package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// A mirror is a foreign system on loopback that is kept in step with the store:
// a double of the real one, behind a server that can go down and come back.
type mirror struct {
	title   string
	backend store.Backend
	holds   func() table

	double http.Handler
	addr   string
	server *http.Server // nil while it is down
}

// listen serves the double, at the address of before where there was one.
func (m *mirror) listen() error {
	if m.addr == "" {
		m.addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", m.addr)
	if err != nil {
		return err
	}
	m.addr = l.Addr().String()
	m.server = &http.Server{Handler: m.double, ReadHeaderTimeout: 10 * time.Second}
	go func(s *http.Server) { _ = s.Serve(l) }(m.server)
	return nil
}

func (m *mirror) url() string { return "http://" + m.addr }

// down ends the server with all its connections.
func (m *mirror) down() {
	if m.server != nil {
		_ = m.server.Close()
		m.server = nil
	}
}

// mirrors are those of one run; none without -backends.
type mirrors []*mirror

func (ms mirrors) backends() []store.Backend {
	var backends []store.Backend
	for _, m := range ms {
		backends = append(backends, m.backend)
	}
	return backends
}

func (ms mirrors) close() {
	for _, m := range ms {
		m.down()
	}
}

// settle returns when the outcomes of what was played are printed, and what came
// of it at the backends that are up. While one is down the outcome of the very last
// delivery may be printed a little later.
func (ms mirrors) settle(ctx context.Context, mw *middleware.Middleware) error {
	patience, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if !slices.ContainsFunc(ms, func(m *mirror) bool { return m.server == nil }) {
		return mw.Drain(patience)
	}
	for {
		if err := mw.Flush(patience); err != nil {
			return err
		}
		owed, err := ms.owed(patience, mw)
		if err != nil {
			return err
		}
		if owed == 0 {
			return mw.Flush(patience)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-patience.Done():
			return cmp.Or(ctx.Err(), fmt.Errorf("%d people are still owed to backends", owed))
		}
	}
}

// owed counts what is owed to backends that are up.
func (ms mirrors) owed(ctx context.Context, mw *middleware.Middleware) (people int, err error) {
	backlogs, err := mw.Backlogs(ctx)
	for _, b := range backlogs { // of others too, that the file knows
		if slices.ContainsFunc(ms, func(m *mirror) bool { return m.backend.Name() == b.Backend && m.server != nil }) {
			people += b.Owed
		}
	}
	return people, err
}

// A past is what an earlier run has left in users.db.
type past struct {
	people bool // somebody
	served bool // and brought to backends
}

func pastOf(ctx context.Context, st store.Outbox) (p past, err error) {
	for _, err := range st.List(ctx, store.Filter{Limit: 1}) {
		if err != nil {
			return p, err
		}
		p.people = true
	}
	for _, err := range st.Standings(ctx, store.StandingFilter{}) {
		p.served = err == nil
		return p, err
	}
	return p, nil
}

// fill brings everybody of an earlier run to the doubles, which are new in each
// run.
func (ms mirrors) fill(ctx context.Context, mw *middleware.Middleware, before past, story io.Writer) error {
	switch {
	case len(ms) == 0 || !before.people:
		return nil
	case !before.served:
		fmt.Fprintln(story, "Backends are new to this users.db: everybody in it is brought to them.")
		return ms.settleAndTell(ctx, mw, story)
	}
	fmt.Fprintln(story, "An earlier run brought these people to its own doubles. Those of now are empty, so all are brought there once more (Resync).")
	for _, m := range ms {
		if err := mw.Resync(ctx, m.backend.Name()); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return ms.settleAndTell(ctx, mw, story)
}

// settleAndTell is settle, and says before and after how far each backend is.
func (ms mirrors) settleAndTell(ctx context.Context, mw *middleware.Middleware, story io.Writer) error {
	if err := tellProgress(ctx, mw, story); err != nil {
		return err
	}
	if err := ms.settle(ctx, mw); err != nil {
		return err
	}
	return tellProgress(ctx, mw, story)
}

func tellProgress(ctx context.Context, mw *middleware.Middleware, story io.Writer) error {
	backlogs, err := mw.Backlogs(ctx)
	if err != nil {
		return err
	}
	for _, b := range backlogs {
		fmt.Fprintf(story, "  %s: %d of %d people", b.Backend, b.Done(), b.Total)
		if b.TimeLeft() > 0 {
			fmt.Fprintf(story, ", %.0f a second, %v left", b.PerSecond(), b.TimeLeft().Round(time.Millisecond))
		}
		fmt.Fprintln(story)
	}
	return nil
}

// named returns the mirror of that name, which there is.
func (ms mirrors) named(backend string) *mirror {
	return ms[slices.IndexFunc(ms, func(m *mirror) bool { return m.backend.Name() == backend })]
}
