package toxitest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
)

// A child is another process at the end of a line, and what it has reported.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	done  chan struct{} // closed when there is no more to read

	mu        sync.Mutex
	batches   int
	failures  int
	delivered []store.Delivery
}

func spawn(t *testing.T, l *line, task, schema string) *child {
	t.Helper()
	c := &child{
		cmd:  processtest.Command(t.Context(), t, taskVariable+"="+task, dsnVariable+"="+l.dsn(), schemaVariable+"="+schema),
		done: make(chan struct{}),
	}
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var r report
			if json.Unmarshal(lines.Bytes(), &r) == nil { // the last line of who is killed may be cut
				c.note(r)
			}
		}
	}()
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	return c
}

func (c *child) note(r report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batches, c.failures = max(c.batches, r.Batch), max(c.failures, r.Failures)
	if r.Owed != nil {
		c.delivered = append(c.delivered, *r.Owed)
	}
}

// reported returns how much is heard of.
func (c *child) reported() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.batches + len(c.delivered)
}

// kill ends the process in the middle of whatever it does, once it has done something.
func (c *child) kill(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); c.reported() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the test is blind: a process to be killed did nothing")
		}
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.done
	_ = c.cmd.Wait() // killed
}

// end tells the process to stop, and waits for it.
func (c *child) end(t *testing.T) {
	t.Helper()
	if err := c.stdin.Close(); err != nil {
		t.Error(err)
	}
	<-c.done
	if err := c.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// dsn is how other processes get through the line.
func (l *line) dsn() string {
	conn := l.pool.Config().ConnConfig
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(conn.User, conn.Password), Host: *l.address.Load(), Path: conn.Database,
		RawQuery: "sslmode=disable&connect_timeout=2",
	}
	return u.String()
}

// storm is what the line does to several processes, step by step.
func (l *line) storm(t *testing.T, step int) {
	t.Helper()
	if err := l.heal(); err != nil {
		t.Fatal(err)
	}
	if err := l.renew(); err != nil {
		t.Fatal(err)
	}
	var err error
	switch step {
	case 1:
		err = l.poison(slow, fromServer)
	case 3:
		err = l.poison(blackHole, both...)
	case 5:
		err = l.poison(blackHole, fromServer) // what is asked is done, and not answered
	case 7:
		l.cut()
	case 8:
		err = l.poison(cutAfter(4000), fromServer)
	case 9:
		err = l.poison(cutAfter(9000), toServer)
	case 11:
		err = l.poison(reset, fromServer)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const stormSteps = 13

// Four processes write the same people through one bad line, and deliver them; one of
// each kind is killed. Whatever they met, and in whatever order: the people are what
// all patches merge to, what was acknowledged is there, and what is owed arrives.
func TestProcessesThroughTrouble(t *testing.T) {
	t.Parallel()
	l, schema := newLine(t, pgtest.DSN(t)), pgtest.Schema(t)
	st := open(t, pgtest.Pool(t), schema) // by a line of its own
	if err := st.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	var writers, deliverers []*child
	for range 4 {
		writers = append(writers, spawn(t, l, "write", schema))
	}
	for range 2 {
		deliverers = append(deliverers, spawn(t, l, "deliver", schema))
	}
	for step := range stormSteps {
		next := time.After(stepLength)
		l.storm(t, step)
		switch step {
		case 2:
			deliverers[0].kill(t)
		case 6:
			writers[0].kill(t)
		}
		<-next
	}
	if err := l.heal(); err != nil {
		t.Fatal(err)
	}
	failures := 0
	for _, c := range writers[1:] {
		c.end(t)
		failures += c.failures - 1
	}
	if failures <= 0 {
		t.Error("the test is blind: no process noticed the trouble")
	}
	want := checkMerged(t, st, writers)
	awaitDelivered(t, st)
	deliverers[1].end(t)
	nobodyOwed(t, st, len(want))
	checkDelivered(t, deliverers, want)
	if !t.Failed() {
		batches := 0
		for _, c := range writers {
			batches += c.batches
		}
		t.Attr("figure", fmt.Sprintf("%d processes, 1 writer and 1 deliverer of them killed; the other writers were refused %d times; %d batches acknowledged, 0 lost; %d people, delivered as they are in %d calls",
			len(writers)+len(deliverers), failures, batches, len(want), len(deliverers[0].delivered)+len(deliverers[1].delivered)))
	}
}

// checkMerged wants the shared people to be what all patches merge to, those of one
// process to be there as it was told, and nobody by halves. It returns who is there.
func checkMerged(t *testing.T, st *pgstore.Store, writers []*child) map[store.Key]store.Record {
	t.Helper()
	want := processtest.Merged(sharedDeltas())
	for _, c := range writers {
		for n := range c.batches + 1 { // the last may have been saved, and not told any more
			there := 0
			for _, d := range ownDeltas(c.cmd.Process.Pid, n) {
				if _, err := st.Get(t.Context(), d.Key); err == nil {
					want[d.Key] = d
					there++
				}
			}
			if there != batch && (n < c.batches || there != 0) {
				t.Errorf("%d of %d people of batch %d are there, of %d that were acknowledged", there, batch, n, c.batches)
			}
		}
	}
	for key, r := range want {
		if got, err := st.Get(t.Context(), key); err != nil || !got.Equal(r) {
			t.Errorf("%s is not what the patches merge to: %v", key, err)
		}
	}
	people := 0
	for _, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		people++
	}
	if people != len(want) {
		t.Errorf("%d people are there, and not %d", people, len(want))
	}
	return want
}

// awaitDelivered waits until nobody is owed.
func awaitDelivered(t *testing.T, st *pgstore.Store) {
	t.Helper()
	for end := time.Now().Add(2 * patience); ; time.Sleep(20 * time.Millisecond) {
		backlogs, err := st.Backlogs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(backlogs) == 1 && backlogs[0].Owed == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still owed: %+v", backlogs)
		}
	}
}

// checkDelivered wants the latest delivery of each person to show them as they are.
func checkDelivered(t *testing.T, deliverers []*child, want map[store.Key]store.Record) {
	t.Helper()
	latest := make(map[store.Key]store.Delivery)
	for _, c := range deliverers {
		for _, d := range c.delivered {
			if key := d.Profile.Key; d.Version >= latest[key].Version {
				latest[key] = d
			}
		}
	}
	for key, r := range want {
		got, was := latest[key].Profile, r.Profile()
		got.FirstSeen, got.LastSeen = was.FirstSeen, was.LastSeen
		if !reflect.DeepEqual(got, was) {
			t.Errorf("%s was delivered as\n%+v and is\n%+v", key, got, was)
		}
	}
	if len(latest) != len(want) {
		t.Errorf("%d of %d people were delivered", len(latest), len(want))
	}
}
