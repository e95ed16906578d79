package natstest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

// Other processes of the tests below are this binary with a task to do.
const taskVariable = "NATSTEST_TASK"

func TestMain(m *testing.M) {
	if task := os.Getenv(taskVariable); task != "" {
		os.Exit(otherProcess(task))
	}
	os.Exit(m.Run())
}

func otherProcess(task string) int {
	name, rest, _ := strings.Cut(task, " ")
	do := func() error { return work(name, rest) }
	if name == "node" {
		do = func() error { return serve(rest) }
	}
	err := do()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// work does something to a bucket.
func work(name, rest string) error {
	urls, bucket, _ := strings.Cut(rest, " ")
	js, closeConn, err := dial(urls)
	if err != nil {
		return err
	}
	defer closeConn()
	st, err := natsstore.New(context.Background(), js, &natsstore.Options{Bucket: bucket, SyncAlways: true})
	if err != nil {
		return err
	}
	switch name {
	case "serve":
		return storetest.Serve(st, os.Stdin, os.Stdout)
	case "hammer":
		return processtest.Hammer(st, sharedDeltas(), uint64(os.Getpid()))
	case "write":
		w := writer{number: os.Getpid(), done: func(n int) { fmt.Println(n) }}
		return w.run(context.Background(), st)
	}
	return deliverUntilKilled(context.Background(), st)
}

func process(ctx context.Context, t testing.TB, task string) *exec.Cmd {
	t.Helper()
	return processtest.Command(ctx, t, taskVariable+"="+task)
}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const crm = "crm"

// sharedDeltas are the same in every process.
func sharedDeltas() []store.Record { return processtest.Deltas(200, 5) }

func TestProcessesMerge(t *testing.T) {
	t.Parallel()
	processes := 0
	for name, run := range map[string]func(t *testing.T) ([]*node, int){
		"one node":    func(t *testing.T) ([]*node, int) { return []*node{single(t)}, 1 },
		"three nodes": func(t *testing.T) ([]*node, int) { return cluster(t), 3 },
	} {
		t.Run(name, func(t *testing.T) {
			nodes, replicas := run(t)
			st := open(t, connect(t, nodes...), "shared", replicas)
			if err := st.Enroll(t.Context(), crm); err != nil {
				t.Fatal(err)
			}
			var others []*exec.Cmd
			for range 3 {
				cmd := process(t.Context(), t, "hammer "+urls(nodes)+" shared")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				others = append(others, cmd)
			}
			if err := processtest.Hammer(st, sharedDeltas(), 0); err != nil {
				t.Error(err)
			}
			for _, cmd := range others {
				if err := cmd.Wait(); err != nil {
					t.Errorf("another process: %v", err)
				}
			}
			want := processtest.Merged(sharedDeltas())
			for key, r := range want {
				if got, err := st.Get(t.Context(), key); err != nil || !got.Equal(r) {
					t.Errorf("%s is not what the deltas merge to: %v", key, err)
				}
			}
			owed(t, st, store.Backlog{Owed: len(want)})
			processes += 1 + len(others)
		})
	}
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d processes, half of them on one node, half on three; each %d deltas of the same people, who are what they merge to, and owed",
			processes, len(sharedDeltas())))
	}
}

// owed wants the backlog of the crm to be this.
func owed(t *testing.T, st *natsstore.Store, want store.Backlog) {
	t.Helper()
	backlogs, err := st.Backlogs(t.Context())
	if err != nil || len(backlogs) != 1 {
		t.Fatalf("backlogs: %v, %v", backlogs, err)
	}
	b := backlogs[0]
	if b.Owed != want.Owed || b.Bulk != want.Bulk || b.Dead != want.Dead {
		t.Errorf("%d are owed, %d of them in bulk, and %d are dead; want %d, %d and %d", b.Owed, b.Bulk, b.Dead, want.Owed, want.Bulk, want.Dead)
	}
}

// awaitOwed waits until the backlog of the crm is this: what is removed without an answer
// in time is removed a little later.
func awaitOwed(t *testing.T, st *natsstore.Store, want store.Backlog) {
	t.Helper()
	await(t, fmt.Sprintf("the backlog does not become %+v", want), func(ctx context.Context) bool {
		b, err := st.Backlogs(ctx)
		return err == nil && len(b) == 1 && b[0].Owed == want.Owed && b[0].Bulk == want.Bulk && b[0].Dead == want.Dead
	})
}

func person(i int) store.Key { return store.Key{Channel: "telegram", UserID: strconv.Itoa(100000 + i)} }
