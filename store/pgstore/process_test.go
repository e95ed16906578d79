package pgstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/pgtest"
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
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "PGSTORE_TASK="+task, "PGSTORE_DSN="+pgtest.DSN(t), "PGSTORE_SCHEMA="+schema)
	cmd.Stderr = os.Stderr
	return cmd
}

// sharedDeltas are the same in every process: 400 of 40 people.
func sharedDeltas() []store.Record {
	r := rand.New(rand.NewPCG(5, 6))
	var deltas []store.Record
	for n := range 400 {
		deltas = append(deltas, store.Patch{
			Key:    store.Key{Channel: "telegram", UserID: strconv.Itoa(n % 40)},
			Source: store.Source(r.IntN(3)), At: epoch.Add(time.Duration(r.IntN(50)) * time.Second),
			Set: map[store.Field]string{
				store.FieldGivenName:                           fmt.Sprint("Ann ", r.IntN(4)),
				store.NickField(fmt.Sprint(r.IntN(3))):         fmt.Sprint("nick ", n),
				store.Fields()[3+r.IntN(5)]:                    fmt.Sprint("x", n),
				store.CustomKey(string(rune('a' + r.IntN(3)))): strconv.Itoa(n),
			},
			Clear: []store.Field{store.FieldUsername},
		}.Record())
	}
	return deltas
}

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
}

// checkShared wants what the shared deltas merge to, owed to backends, and each person
// reported as Created once.
func checkShared(t *testing.T, st *pgstore.Store, created []int, backends []string) {
	t.Helper()
	total := 0
	for _, n := range created {
		total += n
	}
	want := merged(sharedDeltas())
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

func merged(deltas []store.Record) map[store.Key]store.Record {
	m := make(map[store.Key]store.Record)
	for _, d := range deltas {
		m[d.Key] = store.Merge(m[d.Key], d)
	}
	return m
}

func writeUntilKilled(ctx context.Context, st store.Store) error {
	for n := 0; ; n++ {
		var deltas []store.Record
		for i := range 20 {
			deltas = append(deltas, observed(killedKey(os.Getpid(), n, i), epoch, map[store.Field]string{store.FieldGivenName: "Ann"}))
		}
		if _, err := st.Apply(ctx, deltas); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func observed(key store.Key, at time.Time, set map[store.Field]string) store.Record {
	return store.Patch{Key: key, At: at, Set: set}.Record()
}

func killedKey(pid, n, i int) store.Key {
	return store.Key{Channel: "telegram", UserID: fmt.Sprintf("%d:%d:%d", pid, n, i)}
}

// What was acknowledged to a process that is killed is there, and owed; what was
// not is there whole, batch by batch, or not at all.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	schema := pgtest.Schema(t)
	st := open(t, pgtest.Pool(t), schema)
	if err := st.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		cmd := process(t, "write-until-killed", schema)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acked := -1
		lines := bufio.NewScanner(out)
		for enough := 1 + rand.IntN(25); lines.Scan(); {
			if acked, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if acked == enough {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // killed
		for n := range acked + 1 {
			for i := range 20 {
				key := killedKey(cmd.Process.Pid, n, i)
				if _, err := st.Get(t.Context(), key); err != nil {
					t.Fatalf("batch %d of %d was acknowledged and is lost: %v", n, acked, err)
				}
			}
		}
	}
	people := 0
	for _, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		people++
	}
	backlogs, err := st.Backlogs(t.Context())
	if err != nil || backlogs[0].Owed != people || people%20 != 0 {
		t.Errorf("of %d people, in batches of 20, %+v is owed: %v", people, backlogs, err)
	}
}

// deliver claims and settles until nothing is owed, and writes a line to claimed for
// each claim.
func deliver(ctx context.Context, st *pgstore.Store, claimed io.Writer) error {
	for {
		claims, wait, err := st.Claim(ctx, "crm", 7, 500*time.Millisecond)
		if err != nil {
			return err
		}
		if len(claims) == 0 {
			if wait <= 0 {
				return nil
			}
			time.Sleep(min(wait, 50*time.Millisecond))
			continue
		}
		fmt.Fprintln(claimed, len(claims))
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond) // the call
		var settlements []store.Settlement
		for _, c := range claims {
			settlements = append(settlements, store.Settlement{
				Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Remote: c.Record.Key.UserID,
			})
		}
		if err := st.Settle(ctx, "crm", settlements); err != nil {
			return err
		}
	}
}

// hold claims, says so, and settles nothing until it is killed.
func hold(ctx context.Context, st *pgstore.Store) error {
	claims, _, err := st.Claim(ctx, "crm", 7, 500*time.Millisecond)
	if err == nil && len(claims) > 0 {
		fmt.Println(len(claims))
		time.Sleep(time.Hour)
	}
	return err
}

// Two of four deliverers are killed while they hold claims.
func TestDeliverersAreTakenOver(t *testing.T) {
	schema := pgtest.Schema(t)
	st := open(t, pgtest.Pool(t), schema)
	if _, err := st.Apply(t.Context(), slices.Collect(people(500))); err != nil {
		t.Fatal(err)
	}
	if err := st.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	var survivors []*exec.Cmd
	for i := range 4 {
		if i >= 2 {
			cmd := process(t, "deliver", schema)
			survivors = append(survivors, cmd)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		cmd := process(t, "hold", schema)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if !bufio.NewScanner(out).Scan() {
			t.Fatal("the test is blind: nothing was claimed")
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
	}
	for _, cmd := range survivors {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	delivered := 0
	for s, err := range st.Standings(t.Context(), store.StandingFilter{State: store.StateDelivered}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Remote != s.Key.UserID {
			t.Errorf("%s was claimed with the record of %q", s.Key, s.Remote)
		}
		delivered++
	}
	if delivered != 500 {
		t.Errorf("%d of 500 people are delivered", delivered)
	}
}

func people(n int) func(yield func(store.Record) bool) {
	return func(yield func(store.Record) bool) {
		for i := range n {
			key := store.Key{Channel: "telegram", UserID: strconv.Itoa(1000 + i)}
			if !yield(observed(key, epoch, map[store.Field]string{store.FieldGivenName: "Ann"})) {
				return
			}
		}
	}
}
