package pgstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// otherProcess does one task of the tests below, and returns the exit code.
func otherProcess(task string) int {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("PGSTORE_DSN"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer pool.Close()
	st, err := pgstore.New(ctx, pool, &pgstore.Options{Schema: os.Getenv("PGSTORE_SCHEMA")})
	if err == nil {
		switch task {
		case "hammer":
			var created int
			var part int
			if part, err = strconv.Atoi(os.Getenv("PGSTORE_PART")); err == nil {
				created, err = hammer(ctx, st, part)
			}
			fmt.Println(created)
		case "serve":
			err = storetest.Serve(st, os.Stdin, os.Stdout)
		case "write-until-killed":
			err = writeUntilKilled(ctx, st)
		case "deliver":
			err = deliver(ctx, st, os.Stdout)
		case "deliver-until-killed":
			for err == nil {
				err = deliver(ctx, st, os.Stdout)
			}
		case "hold":
			err = hold(ctx, st)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func process(t *testing.T, task, schema string) *exec.Cmd {
	t.Helper()
	return processtest.Command(t.Context(), t, "PGSTORE_TASK="+task, "PGSTORE_DSN="+pgtest.DSN(t), "PGSTORE_SCHEMA="+schema, "PGAPPNAME="+schema)
}

// awaitGone waits until the server has ended what killed processes were about: it hears of
// their end only when it is through with that.
func awaitGone(t *testing.T, pool *pgxpool.Pool, schema string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var n int
		if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", schema).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the server still works for %d killed processes", n)
		}
	}
}

// sharedDeltas are the same in every process.
func sharedDeltas() []store.Record { return processtest.Deltas(400, 40) }

const parts = 4

// hammer applies one of the parts of the shared deltas, shuffled, and some of another
// one, and returns how many people were created. Most are applied once: what is lost
// must not be said again.
func hammer(ctx context.Context, st store.Store, part int) (created int, err error) {
	var deltas []store.Record
	for n, d := range sharedDeltas() {
		if n/40%parts == part || n%(5*parts) == 0 {
			deltas = append(deltas, d)
		}
	}
	r := rand.New(rand.NewPCG(uint64(part), 0))
	r.Shuffle(len(deltas), func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
	for len(deltas) > 0 {
		n := min(1+r.IntN(30), len(deltas))
		changes, err := st.Apply(ctx, deltas[:n])
		if err != nil {
			return created, err
		}
		for _, c := range changes {
			if c.Created {
				created++
			}
		}
		deltas = deltas[n:]
	}
	return created, nil
}

func TestProcessesOnOneSchemaMerge(t *testing.T) {
	schema := pgtest.Schema(t)
	// They also race to create the schema.
	var others []*exec.Cmd
	var outs []*bufio.Reader
	for part := range parts {
		cmd := process(t, "hammer", schema)
		cmd.Env = append(cmd.Env, "PGSTORE_PART="+strconv.Itoa(part))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		others, outs = append(others, cmd), append(outs, bufio.NewReader(out))
	}
	// Backends are enrolled while they write: before, between and after.
	st := open(t, pgtest.Pool(t), schema)
	backends := []string{"crm", "hook"}
	for _, backend := range backends {
		if err := st.Enroll(t.Context(), backend); err != nil {
			t.Error(err)
		}
	}
	created := 0
	for i, cmd := range others {
		var n int
		if _, err := fmt.Fscan(outs[i], &n); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		created += n
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	checkShared(t, st, []int{created}, backends)
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d processes, %d deltas, %d people as they merge to, each created once and owed to %d backends enrolled meanwhile",
			len(others), len(sharedDeltas()), len(processtest.Merged(sharedDeltas())), len(backends)))
	}
}

// checkShared wants what the shared deltas merge to, owed to backends, and each person
// reported as Created once.
func checkShared(t *testing.T, st *pgstore.Store, created []int, backends []string) {
	t.Helper()
	total := 0
	for _, n := range created {
		total += n
	}
	want := processtest.Merged(sharedDeltas())
	seen := 0
	for key, r := range want {
		if got, err := st.Get(t.Context(), key); err != nil || !got.Equal(r) {
			t.Errorf("%s is not what the deltas merge to: %v", key, err)
		}
		if !r.FirstSeen.IsZero() {
			seen++
		}
	}
	if total != seen {
		t.Errorf("%d people were seen, and %d reported as Created", seen, total)
	}
	owed := make(map[string]int)
	for s, err := range st.Standings(t.Context(), store.StandingFilter{State: store.StateOwed}) {
		if err != nil {
			t.Fatal(err)
		}
		owed[s.Backend]++
	}
	for _, backend := range backends {
		if owed[backend] != len(want) {
			t.Errorf("%d of %d people are owed to %s", owed[backend], len(want), backend)
		}
	}
}

func observed(key store.Key, at time.Time, set map[store.Field]string) store.Record {
	return store.Patch{Key: key, At: at, Set: set}.Record()
}
