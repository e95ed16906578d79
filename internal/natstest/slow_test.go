package natstest

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// slowly stands between clients and a node, and holds back for lag, in nanoseconds,
// whatever the node says. It returns the address.
func slowly(t *testing.T, n *node, lag *atomic.Int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { lagBehind(client, n.url()[len("nats://"):], lag) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return "nats://" + l.Addr().String()
}

func lagBehind(client net.Conn, address string, lag *atomic.Int64) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	type said struct {
		text []byte
		at   time.Time
	}
	queue := make(chan said, 1000)
	var running sync.WaitGroup
	defer running.Wait()
	defer server.Close()
	running.Go(func() {
		defer close(queue)
		for {
			buf := make([]byte, 64<<10)
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			queue <- said{text: buf[:n], at: time.Now()}
		}
	})
	running.Go(func() {
		for s := range queue {
			time.Sleep(time.Until(s.at.Add(time.Duration(lag.Load()))))
			_, _ = client.Write(s.text) // the end is noticed below
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A server that takes longer for each answer than the first is waited for is waited
// for longer. What was delivered is not counted any more.
func TestServerThatIsSlowToAnswer(t *testing.T) {
	t.Parallel()
	n := single(t)
	quick := open(t, connect(t, n), "slow", 1)
	if err := quick.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := quick.Apply(t.Context(), anns(0, 20)); err != nil {
		t.Fatal(err)
	}
	var lag atomic.Int64
	js, closeConn, err := dial(slowly(t, n, &lag))
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	st := open(t, js, "slow", 1)
	lag.Store(int64(2500 * time.Millisecond))
	inTime := func(what string, call func() error) {
		t.Helper()
		for range 5 { // a busy machine may be slower still
			if err = call(); !errors.Is(err, store.ErrUnavailable) {
				break
			}
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	inTime("Apply", func() error {
		_, err := st.Apply(context.Background(), anns(20, 2))
		return err
	})
	settlements := claimSome(t, quick, 22)
	inTime("Settle", func() error { return st.Settle(context.Background(), crm, settlements) })
	awaitOwed(t, quick, store.Backlog{})
	if claims, wait, err := quick.Claim(t.Context(), crm, 1, time.Minute); err != nil || len(claims) > 0 || wait > 0 {
		t.Errorf("when all is delivered there are %d claims, wait %s, %v", len(claims), wait, err)
	}
}
