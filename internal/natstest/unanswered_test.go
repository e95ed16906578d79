package natstest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A deafener stands between a client and a node, and calls before for each request
// that holds a text, which waits meanwhile. When it is set, it lets the next one
// through, and cuts the connection in the place of the answer.
type deafener struct {
	request []byte
	net.Listener
	node   string
	before func() // may be nil
	set    atomic.Bool
	times  atomic.Int64
	dead   atomic.Bool
}

// newDeafener returns a deafener to transactions.
func newDeafener(t *testing.T, n *node, before func()) *deafener {
	t.Helper()
	return newDeafenerTo(t, n, "Rollcall-Tx", before)
}

func newDeafenerTo(t *testing.T, n *node, request string, before func()) *deafener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deafener{request: []byte(request), Listener: l, node: n.url()[len("nats://"):], before: before}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { d.serve(client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return d
}

// cut ends the line for good, in the middle of what the server says next.
func (d *deafener) cut() {
	d.dead.Store(true)
	d.Close()
}

func (d *deafener) url() string { return "nats://" + d.Addr().String() }

func (d *deafener) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", d.node)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	var running sync.WaitGroup
	running.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || deaf.Load() || d.dead.Load() {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			break
		}
		if bytes.Contains(buf[:n], d.request) {
			if d.before != nil {
				d.before()
			}
			if d.set.CompareAndSwap(true, false) {
				deaf.Store(true)
				d.times.Add(1)
			}
		}
		if _, err := io.Copy(server, bytes.NewReader(buf[:n])); err != nil {
			break
		}
	}
	time.Sleep(50 * time.Millisecond) // the server has it by now
	server.Close()
	running.Wait()
}

// A listing goes on when the connection is lost in the place of a page.
func TestUnansweredPage(t *testing.T) {
	t.Parallel()
	n := single(t)
	if _, err := open(t, connect(t, n), "page", 1).Apply(t.Context(), anns(0, 30)); err != nil {
		t.Fatal(err)
	}
	d := newDeafenerTo(t, n, "STREAM.INFO", nil)
	js, closeConn, err := dial(d.url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	st := open(t, js, "page", 1)
	d.set.Store(true)
	people := 0
	for _, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		people++
	}
	if people != 30 || d.times.Load() != 1 {
		t.Errorf("%d of 30 people are listed where %d answers were lost", people, d.times.Load())
	}
}

// A transaction that happened and was not answered is noticed, so that its result
// is reported, and not that of doing it twice.
func TestUnansweredTransactions(t *testing.T) {
	t.Parallel()
	n := single(t)
	d := newDeafener(t, n, nil)
	js, closeConn, err := dial(d.url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	st := open(t, js, "deaf", 1)
	deaf := func() { d.set.Store(true) }

	deaf()
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 30} {
		deaf()
		changes, err := st.Apply(t.Context(), anns(size, size))
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range changes {
			if !c.Created {
				t.Errorf("person %d of %d is not Created", i, size)
			}
		}
		deaf()
		claims, _, err := st.Claim(t.Context(), crm, size, time.Minute)
		if err != nil || len(claims) != size {
			t.Fatalf("%d claims of %d, %v", len(claims), size, err)
		}
		settlements := make([]store.Settlement, size)
		for i, c := range claims {
			settlements[i] = store.Settlement{Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version}
		}
		deaf()
		if err := st.Settle(t.Context(), crm, settlements); err != nil {
			t.Fatal(err)
		}
		owed(t, st, store.Backlog{})
	}
	deaf()
	if err := st.Forget(t.Context(), person(1), false); err != nil {
		t.Fatal(err)
	}
	owed(t, st, store.Backlog{Owed: 1})
	deaf()
	if err := st.Withdraw(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if there := subjects(t, js, "deaf"); len(there) != 33 {
		t.Errorf("the bucket has %d subjects: %v; want three of the backends and those of 30 people", len(there), there)
	}
	if got := d.times.Load(); got != 9 {
		t.Errorf("%d answers were lost, not 9", got)
	}
}
