package pgstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
)

// A killing is how many processes are killed.
type killing struct {
	writers    int
	holders    int // deliverers that hold claims
	deliverers int // whatever they do
}

func killingOf() killing {
	switch {
	case os.Getenv("ROLLCALL_SOAK") != "":
		return killing{writers: 1000, holders: 30, deliverers: 1000}
	case os.Getenv("ROLLCALL_PROVE") != "":
		return killing{writers: 100, holders: 10, deliverers: 100}
	}
	return killing{writers: 4, holders: 2, deliverers: 2}
}

const killedBatch = 20

func writeUntilKilled(ctx context.Context, st store.Store) error {
	for n := 0; ; n++ {
		var deltas []store.Record
		for i := range killedBatch {
			key := store.Key{Channel: "telegram", UserID: fmt.Sprintf("%s:%d:%d", os.Getenv("PGSTORE_PART"), n, i)}
			deltas = append(deltas, observed(key, epoch, map[store.Field]string{store.FieldGivenName: "Ann"}))
		}
		if _, err := st.Apply(ctx, deltas); err != nil {
			return err
		}
		fmt.Println(n + 1)
	}
}

// What was acknowledged to a process that is killed is there, and owed; what was
// not is there whole, batch by batch, or not at all.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	schema, pool := pgtest.Schema(t), pgtest.Pool(t)
	st := open(t, pool, schema)
	if err := st.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(processtest.Seed(t), 0))
	acked := make([]int, killingOf().writers) // batches
	for p := range acked {
		cmd := process(t, "write-until-killed", schema)
		cmd.Env = append(cmd.Env, "PGSTORE_PART="+strconv.Itoa(p))
		err := processtest.KillAfter(cmd, 1+r.IntN(25), r, func(line string) {
			var err error
			if acked[p], err = strconv.Atoi(line); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	awaitGone(t, pool, schema)
	people, saved := 0, make(map[string]int) // by batch
	for person, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		saved[person.UserID[:strings.LastIndexByte(person.UserID, ':')]]++
		people++
	}
	for name, n := range saved {
		if n != killedBatch {
			t.Errorf("%d of the %d people of batch %s are there", n, killedBatch, name)
		}
	}
	total := 0
	for p, batches := range acked {
		for n := range batches {
			if saved[fmt.Sprintf("%d:%d", p, n)] == 0 {
				t.Errorf("batch %d of %d of process %d was acknowledged and is lost", n, batches, p)
			}
		}
		total += killedBatch * batches
	}
	backlogs, err := st.Backlogs(t.Context())
	if err != nil || backlogs[0].Owed != people {
		t.Errorf("of %d people %+v is owed: %v", people, backlogs, err)
	}
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d kills, %d people acknowledged, 0 lost, 0 of %d batches half there", len(acked), total, len(saved)))
	}
}

// deliver claims and settles until nothing is owed, and writes a line to crm for each
// person who is delivered.
func deliver(ctx context.Context, st *pgstore.Store, crm io.Writer) error {
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
		var settlements []store.Settlement
		for _, c := range claims {
			fmt.Fprintln(crm, c.Standing.Key.UserID, c.Standing.Version, c.Record.Profile().GivenName)
			settlements = append(settlements, store.Settlement{
				Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Remote: c.Record.Key.UserID,
			})
		}
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond) // the call
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

// A told is what deliverers have told the crm: of each person the newest.
type told struct {
	mu     sync.Mutex
	newest map[string]telling // by user id
	calls  int
	twice  int // of them, where the newest was told before
}

type telling struct {
	version int64
	name    string
}

func (x *told) note(t *testing.T, line string) {
	var id string
	var it telling
	if _, err := fmt.Sscan(line, &id, &it.version, &it.name); err != nil {
		t.Errorf("%q: %v", line, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.calls++
	before := x.newest[id]
	if it.version == before.version {
		x.twice++
	}
	if it.version >= before.version {
		x.newest[id] = it
	}
}

// Deliverers are killed while they hold claims, and at any moment, while half of the
// people go on changing. Those that come after them deliver everybody as they are.
func TestDeliverersAreTakenOver(t *testing.T) {
	const everybody, some, lanes = 500, 10, 2
	schema, pool := pgtest.Schema(t), pgtest.Pool(t)
	st := open(t, pool, schema)
	said := make(map[string]string) // name by user id
	if err := rename(t.Context(), st, said, 0, everybody, 0); err != nil {
		t.Fatal(err)
	}
	if err := st.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	k, chosen := killingOf(), processtest.Seed(t)
	r := rand.New(rand.NewPCG(chosen, lanes))
	for range k.holders {
		held := 0
		if err := processtest.KillAfter(process(t, "hold", schema), 1, r, func(string) { held++ }); err != nil || held == 0 {
			t.Fatalf("the test is blind: of who was to hold claims %v", err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	rounds, changed := 0, make(chan error, 1)
	go func() { // the bot that lives on
		var err error
		for ; err == nil && ctx.Err() == nil; rounds++ {
			// The others are claimed before, and a change would hide that a claim was lost.
			err = rename(t.Context(), st, said, everybody/2+rounds*some%(everybody/2), some, 1+rounds)
			time.Sleep(10 * time.Millisecond)
		}
		changed <- err
	}()
	crm := told{newest: make(map[string]telling)}
	var dying sync.WaitGroup
	for lane := range lanes {
		r := rand.New(rand.NewPCG(chosen, uint64(lane)))
		victims := make([]*exec.Cmd, k.deliverers/lanes)
		for i := range victims {
			victims[i] = process(t, "deliver-until-killed", schema)
		}
		dying.Go(func() {
			for _, cmd := range victims {
				if err := processtest.KillAfter(cmd, r.IntN(50), r, func(line string) { crm.note(t, line) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	dying.Wait()
	stop()
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	var last sync.WaitGroup
	for range 2 {
		cmd := process(t, "deliver", schema)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				crm.note(t, lines.Text())
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	last.Wait()
	awaitGone(t, pool, schema)
	delivered := 0
	for s, err := range st.Standings(t.Context(), store.StandingFilter{State: store.StateDelivered}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Remote != s.Key.UserID {
			t.Errorf("%s was claimed with the record of %q", s.Key, s.Remote)
		}
		if got, want := crm.newest[s.Key.UserID].name, said[s.Key.UserID]; got != want {
			t.Errorf("%s stands as delivered, and the crm was told %q and not %q", s.Key, got, want)
		}
		delivered++
	}
	if delivered != everybody {
		t.Errorf("%d of %d people are delivered", delivered, everybody)
	}
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d deliverers killed that held claims, %d at any moment; %d people, %d changes, 0 lost; %d calls, %d of a version told before",
			k.holders, k.deliverers, everybody, rounds*some, crm.calls, crm.twice))
	}
}

// rename gives n people, from one on, the name of a round.
func rename(ctx context.Context, st store.Store, said map[string]string, from, n, round int) error {
	var deltas []store.Record
	for i := range n {
		id, name := strconv.Itoa(1000+from+i), fmt.Sprint("Ann", round)
		deltas = append(deltas, observed(store.Key{Channel: "telegram", UserID: id}, epoch.Add(time.Duration(round)*time.Second),
			map[store.Field]string{store.FieldGivenName: name}))
		said[id] = name
	}
	_, err := st.Apply(ctx, deltas)
	return err
}
