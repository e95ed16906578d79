package natstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/store"
)

// A killing is how many processes beside a server are killed.
type killing struct {
	writers    int
	deliverers int
}

func killingOf() killing {
	switch {
	case os.Getenv("ROLLCALL_SOAK") != "":
		return killing{writers: 300, deliverers: 300}
	case os.Getenv("ROLLCALL_PROVE") != "":
		return killing{writers: 30, deliverers: 30}
	}
	return killing{writers: 5, deliverers: 3}
}

// deliverUntilKilled claims, prints whom it delivers, and settles.
func deliverUntilKilled(ctx context.Context, st store.Outbox) error {
	for {
		claims, wait, err := st.Claim(ctx, crm, 5, 2*time.Second)
		if err != nil {
			return err
		}
		if len(claims) == 0 {
			time.Sleep(min(max(wait, 5*time.Millisecond), 100*time.Millisecond))
			continue
		}
		var settlements []store.Settlement
		for _, c := range claims {
			st := c.Standing
			fmt.Println(st.Key.UserID, st.Version, c.Record.Profile().GivenName)
			settlements = append(settlements, store.Settlement{Key: st.Key, Token: st.Token, Version: st.Version, Verdict: store.VerdictDelivered})
		}
		time.Sleep(time.Millisecond) // the call
		if err := st.Settle(ctx, crm, settlements); err != nil {
			return err
		}
	}
}

// Deliverers in several processes share the work, each until it is killed, whatever it
// does then. What it had claimed is delivered by others after its lease, as it is by then.
func TestKilledDelivererIsReplaced(t *testing.T) {
	t.Parallel()
	n := single(t)
	st := open(t, connect(t, n), "shared", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	const people, some, lanes = 400, 10, 3
	rename := func(from, n, round int) error {
		var deltas []store.Record
		for i := range n {
			deltas = append(deltas, store.Patch{
				Key: person(from + i), At: epoch.Add(time.Duration(round) * time.Second), Set: map[store.Field]string{store.FieldGivenName: fmt.Sprint("Ann", round)},
			}.Record())
		}
		_, err := st.Apply(t.Context(), deltas)
		return err
	}
	if err := rename(0, people, 0); err != nil {
		t.Fatal(err)
	}
	var crm mirror
	kills, chosen := killingOf().deliverers, processtest.Seed(t)
	var dying sync.WaitGroup
	for lane := range lanes {
		r := rand.New(rand.NewPCG(chosen, uint64(lane)))
		victims := make([]*exec.Cmd, kills/lanes)
		for i := range victims {
			victims[i] = process(t.Context(), t, "deliver "+n.url()+" shared")
		}
		dying.Go(func() {
			for _, cmd := range victims {
				err := processtest.KillAfter(cmd, r.IntN(60), r, func(line string) {
					var id, name string
					var version int64
					if _, err := fmt.Sscan(line, &id, &version, &name); err != nil {
						t.Errorf("%q: %v", line, err)
					}
					crm.note(store.Key{Channel: "telegram", UserID: id}, version, name)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	rounds, changed := 0, make(chan error, 1)
	go func() { // the bot that lives on
		var err error
		for ; err == nil && ctx.Err() == nil; rounds++ {
			// To the others no change hides that a claim was lost.
			err = rename(people/2+rounds*some%(people/2), some, 1+rounds)
			time.Sleep(10 * time.Millisecond)
		}
		changed <- err
	}()
	dying.Wait()
	stop()
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	crm.deliverAll(t, st)
	if got := crm.check(t, st); got != people {
		t.Errorf("%d people are kept, want %d", got, people)
	}
	delivered := 0
	for x, err := range st.Standings(t.Context(), store.StandingFilter{State: store.StateDelivered}) {
		if err != nil || x.Attempts != 0 {
			t.Fatalf("%+v, %v", x, err)
		}
		delivered++
	}
	if delivered != people {
		t.Errorf("%d of %d people are delivered", delivered, people)
	}
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d deliverers killed at any moment; %d people, %d changes, 0 lost; %d calls, %d of a version told before",
			kills, people, rounds*some, crm.calls, crm.twice))
	}
}

// What a process saved before it was killed is there, and owed; and of what it
// was saving either all is or nothing.
func TestKilledWriterLosesNothing(t *testing.T) {
	n := single(t)
	st := open(t, connect(t, n), "shared", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	const some = 50 // at once, so that whom they save is delivered in the time that await has
	r := rand.New(rand.NewPCG(processtest.Seed(t), 0))
	var crm mirror
	kills, people, acked := killingOf().writers, 0, 0
	for killed := 0; killed < kills; {
		before := people
		var writers []writer
		for ; killed < kills && len(writers) < some; killed++ {
			cmd := process(t.Context(), t, "write "+n.url()+" shared")
			var w writer
			err := processtest.KillAfter(cmd, 1+r.IntN(8), r, func(line string) {
				var err error
				if w.acked, err = strconv.Atoi(line); err != nil {
					t.Error(err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			w.number = cmd.Process.Pid
			writers = append(writers, w)
			acked += w.acked * batch
		}
		// What was on the way when a process was killed may still be saved.
		await(t, "of what the killed processes saved a batch is half there, or not owed", func(ctx context.Context) bool {
			saved := make(map[string]int) // by batch
			people = 0
			for p, err := range st.List(ctx, store.Filter{}) {
				if err != nil {
					return false
				}
				saved[p.UserID[:strings.LastIndexByte(p.UserID, ':')]]++
				people++
			}
			for _, n := range saved {
				if n != batch {
					return false
				}
			}
			backlogs, err := st.Backlogs(ctx)
			return err == nil && len(backlogs) == 1 && backlogs[0].Owed == people-before
		})
		for i := range writers {
			writers[i].check(t, st)
		}
		crm.deliverAll(t, st)
		owed(t, st, store.Backlog{})
		people = crm.check(t, st)
	}
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d kills, %d people acknowledged, 0 lost; %d there and delivered, no batch half there", kills, acked, people))
	}
}
