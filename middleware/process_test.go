package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("MIDDLEWARE_TEST_STORE"); path != "" {
		if err := deliverUntilKilled(path, os.Getenv("MIDDLEWARE_TEST_BACKEND")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	killedPeople  = 1500
	killedTimeout = time.Second
)

// A letter is a delivery on its way to the parent process.
type letter struct {
	PID    int
	Key    store.Key
	Fields map[store.Field]string
}

// A wire is a Backend in another process.
type wire struct {
	url    string
	client *http.Client
}

func newWire(url string) wire {
	return wire{url: url, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
}

func (w wire) Name() string         { return "crm" }
func (w wire) Traits() store.Traits { return store.Traits{InFlight: 8, Timeout: killedTimeout} }

func (w wire) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	l := letter{PID: os.Getpid(), Key: d.Profile.Key, Fields: make(map[store.Field]string)}
	for _, f := range d.Fields {
		l.Fields[f] = d.Profile.Value(f)
	}
	body, err := json.Marshal(l)
	if err != nil {
		return store.Receipt{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return store.Receipt{}, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return store.Receipt{}, fmt.Errorf("%w: %w", err, store.ErrUnanswered)
	}
	return store.Receipt{}, resp.Body.Close()
}

// deliverUntilKilled is what the processes do that are killed: people change, and
// are delivered.
func deliverUntilKilled(path, url string) error {
	st, err := sqlitestore.Open(path)
	for tries := 0; errors.Is(err, store.ErrUnavailable) && tries < 10; tries++ { // the others write without a pause
		st, err = sqlitestore.Open(path)
	}
	if err != nil {
		return err
	}
	mw, err := middleware.New(st, &middleware.Options{Backends: backends(newWire(url)), ExpectedPeople: killedPeople})
	if err != nil {
		return err
	}
	for range 10_000 { // and not for ever, should nobody kill it
		now := time.Now()
		s := person(1+rand.Uint64N(killedPeople), 0, fmt.Sprint("v", now.UnixNano()))
		s.At = now
		mw.Observe(s)
		time.Sleep(3 * time.Millisecond)
	}
	return fmt.Errorf("not killed")
}

// A killer is the backend in the parent: it kills who sends it something, now and
// then.
type killer struct {
	mu      sync.Mutex
	people  map[store.Key]map[store.Field]string
	working map[store.Key]int
	overlap int
	victims map[int]*os.Process
}

func (k *killer) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var l letter
	if err := json.NewDecoder(r.Body).Decode(&l); err != nil {
		return // the sender is dead already
	}
	k.mu.Lock()
	if k.working[l.Key]++; k.working[l.Key] > 1 {
		k.overlap++
	}
	var victim *os.Process
	if rand.N(12) == 0 {
		victim = k.victims[l.PID]
	}
	k.mu.Unlock()
	if victim != nil && rand.N(2) == 0 {
		_ = victim.Kill()
		victim = nil
		time.Sleep(rand.N(killedTimeout * 9 / 10)) // and its request lands late
	}
	k.mu.Lock()
	if k.people[l.Key] == nil {
		k.people[l.Key] = make(map[store.Field]string)
	}
	for f, v := range l.Fields {
		k.people[l.Key][f] = v
		if v == "" {
			delete(k.people[l.Key], f)
		}
	}
	k.working[l.Key]--
	k.mu.Unlock()
	if victim != nil {
		_ = victim.Kill() // before it hears the answer
	}
}

func (k *killer) holds(key store.Key) map[store.Field]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.people[key])
}

// breed starts a process and returns once it is killed.
func (k *killer) breed(ctx context.Context, exe, path, url string) error {
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), "MIDDLEWARE_TEST_STORE="+path, "MIDDLEWARE_TEST_BACKEND="+url)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	k.mu.Lock()
	k.victims[cmd.Process.Pid] = cmd.Process
	k.mu.Unlock()
	err := cmd.Wait()
	k.mu.Lock()
	delete(k.victims, cmd.Process.Pid)
	k.mu.Unlock()
	if cmd.ProcessState.ExitCode() != -1 { // -1: by a signal
		return fmt.Errorf("the process ended by itself: %w", err)
	}
	return nil
}

// Processes that share a store are killed in the middle of deliveries, again and
// again. In the end everybody is at the backend as they are in the store.
func TestKillsInDeliveryLoseNobody(t *testing.T) {
	kills, lanes := 20, 4
	switch {
	case os.Getenv("ROLLCALL_SOAK") != "":
		kills = 2000
	case os.Getenv("ROLLCALL_PROVE") != "":
		kills = 200
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "users.db")
	k := &killer{
		people: make(map[store.Key]map[store.Field]string), working: make(map[store.Key]int), victims: make(map[int]*os.Process),
	}
	server := httptest.NewServer(k)
	var all sync.WaitGroup
	for range lanes {
		all.Go(func() {
			for range kills / lanes {
				if err := k.breed(t.Context(), exe, path, server.URL); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	server.Close() // waits for what lands late
	server = httptest.NewServer(k)
	defer server.Close()
	st, err := sqlitestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	w := newWire(server.URL)
	defer w.client.CloseIdleConnections()
	mw, _ := start(t, st, middleware.Options{Backends: backends(w)})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := mw.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	people := 0
	for p, err := range st.List(ctx, store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		people++
		want := make(map[store.Field]string)
		for _, f := range p.Stated() {
			want[f] = p.Value(f)
		}
		if got := k.holds(p.Key); !maps.Equal(got, want) {
			t.Errorf("the backend holds of %s:\n got %v\nwant %v", p.Key, got, want)
		}
	}
	if people < kills/2 || people != len(k.people) {
		t.Errorf("%d people in the store and %d at the backend", people, len(k.people))
	}
	if k.overlap > 0 {
		t.Errorf("%d requests overlap another of the same person", k.overlap)
	}
	t.Attr("figure", fmt.Sprintf("%d kills, %d people, 0 lost, 0 overlaps", kills, people))
	if err := mw.Close(ctx); err != nil {
		t.Error(err)
	}
}
