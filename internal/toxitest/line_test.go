package toxitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/rollcall-go/rollcall/internal/loopback"
	"github.com/rollcall-go/rollcall/store/pgstore"
)

// A line is the way to a Postgres, with a pool of connections through it.
type line struct {
	proxy    *toxiproxy.Proxy
	poisoned bool // the proxy has, or had, toxics
	address  atomic.Pointer[string]
	pool     *pgxpool.Pool
	password string
}

// newLine returns a line in good order. It ends with t, in good order.
func newLine(t *testing.T, dsn string) *line {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn := config.ConnConfig
	if strings.HasPrefix(conn.Host, "/") {
		t.Skip("toxiproxy needs TCP, and this Postgres has a Unix socket: ", conn.Host)
	}
	l := &line{password: conn.Password}
	if err := l.lay(net.JoinHostPort(conn.Host, strconv.Itoa(int(conn.Port)))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.cut() })
	conn.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, *l.address.Load())
	}
	config.MaxConns = 3
	if l.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.heal(); err != nil {
			t.Error(err)
		}
		l.pool.Close()
	})
	return l
}

// lay makes a line at a port of its own, which stays free while it is cut.
func (l *line) lay(upstream string) error {
	addr, err := loopback.Address()
	if err != nil {
		return err
	}
	return l.dig(addr, upstream)
}

func (l *line) dig(listen, upstream string) error {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l.proxy, l.poisoned = toxiproxy.NewProxy(server, "line", listen, upstream), false
	if err := l.proxy.Start(); err != nil {
		return err
	}
	l.address.Store(new(l.proxy.Listen)) // the proxy writes to its own
	return nil
}

// open returns the store at the end of the line.
func (l *line) open(t *testing.T, schema string) *pgstore.Store {
	t.Helper()
	return open(t, l.pool, schema)
}

func open(t *testing.T, pool *pgxpool.Pool, schema string) *pgstore.Store {
	t.Helper()
	st, err := pgstore.New(t.Context(), pool, &pgstore.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// A toxic is one that toxiproxy knows, with its settings.
type toxic struct {
	kind       string
	attributes map[string]int
}

// The directions in which a toxic works.
const (
	toServer   = "upstream"
	fromServer = "downstream"
)

// poison adds a toxic, for the connections that are there and those to come. Give each
// direction one at the most: a toxic that ended a connection can block the one before
// it.
func (l *line) poison(x toxic, directions ...string) error {
	l.poisoned = true
	for _, direction := range directions {
		text, err := json.Marshal(map[string]any{"type": x.kind, "stream": direction, "attributes": x.attributes})
		if err != nil {
			return err
		}
		if _, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(text)); err != nil {
			return fmt.Errorf("%s %s: %w", x.kind, direction, err)
		}
	}
	return nil
}

// forget makes the connections that are there silent for good, as a router does that
// was restarted. New ones work.
func (l *line) forget(t *testing.T) {
	t.Helper()
	old := l.proxy
	t.Cleanup(old.Stop)
	if err := errors.Join(l.poison(blackHole, both...), l.lay(old.Upstream)); err != nil {
		t.Fatal(err)
	}
}

// cut ends the line: connections are closed and new ones refused.
func (l *line) cut() { l.proxy.Stop() }

// renew cuts the connections of a line, which then is in good order. Toxics cannot be
// added to a proxy that had others before: it panics if one of them has closed a
// connection and that is not gone yet.
func (l *line) renew() error {
	if !l.poisoned {
		return nil
	}
	l.proxy.Toxics.ResetToxics(context.Background())
	l.cut()
	return l.dig(l.proxy.Listen, l.proxy.Upstream)
}

// heal takes all toxics away and lets connections in again, at the same port.
func (l *line) heal() error {
	l.proxy.Toxics.ResetToxics(context.Background())
	if err := l.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted {
		return err
	}
	return nil
}
