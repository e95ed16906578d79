package storetest

import (
	"io"
	"slices"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func claimsTellOfThePerson(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	want := p.standing(o, crm, ann())
	c := p.claimOne(o, ann(), long)
	if !c.Record.Equal(known(ann())) {
		p.failf("with the claim comes\n\t%s\nand should come\n\t%s", show(c.Record), show(known(ann())))
	}
	p.sameStandings("after the claim", p.standings(o, store.StandingFilter{}), []store.Standing{c.Standing})
	p.stands(o, "after the claim", withoutTimes(want))
}

func claimsTellTheWait(p *probe) {
	o := p.outbox(crm)
	began := time.Now()
	p.apply(o, known(ann()))
	time.Sleep(20 * time.Millisecond)
	c := p.claimOne(o, ann(), long)
	p.waited("a change is claimed", c, 20*time.Millisecond, time.Since(began))

	began = time.Now()
	x := settlement(c, store.VerdictRetry)
	x.After = 5 * time.Millisecond
	p.settle(o, x)
	c = p.claimOne(o, ann(), long)
	p.waited("what was tried before is claimed", c, 0, time.Since(began))
}

// waited wants the wait that a claim tells to be within bounds, give or take the
// grain in which stores keep times.
func (p *probe) waited(when string, c store.Claim, least, most time.Duration) {
	const grain = 2 * time.Millisecond
	if c.Waited < max(0, least-grain) || c.Waited > most+grain {
		p.failf("%s after %s to %s, and Waited is %s", when, least, most, c.Waited)
	}
}

func withoutTimes(s store.Standing) store.Standing {
	s.Due, s.Token = time.Time{}, 0
	return s
}

func liveBeforeBulk(p *probe) {
	o := p.outbox()
	bulk := []store.Key{numbered("telegram", 1), numbered("telegram", 2), numbered("telegram", 3)}
	for _, key := range bulk {
		p.apply(o, known(key))
	}
	p.enroll(o, crm)
	time.Sleep(2 * time.Millisecond) // so that what follows is due later
	p.apply(o, known(ann()))
	p.apply(o, observed(bulk[1], after(60), fields{store.FieldUsername: "x"}))
	claims, _ := p.claim(o, 2, long)
	rest, _ := p.claim(o, 10, long)
	if len(claims) != 2 || len(rest) != 2 {
		p.failf("of four that are due %d and then %d are handed out; want 2 and 2", len(claims), len(rest))
	}
	for _, c := range claims {
		if key := c.Standing.Key; c.Standing.Bulk || key != ann() && key != bulk[1] {
			p.failf("%s, bulk %t, is handed out before what just happened", key, c.Standing.Bulk)
		}
	}
	for _, c := range rest {
		if !c.Standing.Bulk {
			p.failf("what just happened to %s is handed out after the bulk", c.Standing.Key)
		}
	}
}

func longestDueFirst(p *probe) {
	o := p.outbox(crm)
	keys := []store.Key{numbered("telegram", 3), numbered("telegram", 1), numbered("discord", 2), numbered("telegram", 0)}
	for _, key := range keys {
		p.apply(o, known(key))
		time.Sleep(2 * time.Millisecond)
	}
	for _, key := range keys[:2] {
		p.claimOne(o, key, long)
	}
	claims, _ := p.claim(o, 10, long)
	if len(claims) != 2 || claims[0].Standing.Key != keys[2] || claims[1].Standing.Key != keys[3] {
		p.failf("claims come in another order than they are due in: %+v", claims)
	}
}

func leased(p *probe) {
	o := p.outbox(crm)
	p.nothingDue(o, "before anything happened", false)
	p.apply(o, known(ann()))
	first := p.claimOne(o, ann(), moment)
	second := p.claimOne(o, ann(), long)
	if first.Standing.Token == second.Standing.Token {
		p.failf("two claims have the token %d", first.Standing.Token)
	}
	if second.Standing.Attempts != 0 || second.Standing.Version != first.Standing.Version {
		p.failf("a lease that ran out left %+v", second.Standing)
	}
	p.nothingDue(o, "while the lease lasts", true)
	p.apply(o, observed(ann(), after(60), fields{store.FieldUsername: "x"}))
	p.nothingDue(o, "while the lease lasts, after a change", true)
}

func leasedOnceInARace(p *probe) {
	o := p.outbox(crm)
	const size, racers = 40, 4
	for n := range size {
		p.apply(o, known(numbered("telegram", n)))
	}
	var mu sync.Mutex
	claimed := make(map[store.Key]int)
	var failed error
	var racing sync.WaitGroup
	for _, r := range p.racers(o, racers) {
		racing.Go(func() {
			for {
				claims, _, err := r.Claim(p.ctx, crm, 3, long)
				mu.Lock()
				for _, c := range claims {
					claimed[c.Standing.Key]++
				}
				if err != nil {
					failed = err
				}
				done := err != nil || len(claims) == 0 || len(claimed) > size
				mu.Unlock()
				if done {
					return
				}
			}
		})
	}
	racing.Wait()
	if failed != nil {
		p.failf("Claim in a race: %v", failed)
	}
	for key, n := range claimed {
		if n != 1 {
			p.failf("%s was handed out %d times", key, n)
		}
	}
	if len(claimed) != size {
		p.failf("of %d that are due %d were handed out", size, len(claimed))
	}
}

func staleClaims(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	stale := p.claimOne(o, ann(), moment)
	held := p.claimOne(o, ann(), long)
	for verdict := store.VerdictDelivered; verdict <= store.VerdictUnserved; verdict++ {
		x := settlement(stale, verdict)
		x.Remote = "stale"
		p.settle(o, x)
		p.sameStandings("after a claim was settled that somebody else holds", p.standings(o, store.StandingFilter{}), []store.Standing{held.Standing})
	}
	nobody := settlement(held, store.VerdictDelivered)
	nobody.Key = numbered("telegram", 9)
	p.settle(o, nobody, settlement(held, store.VerdictDelivered))
	p.state(o, ann(), store.StateDelivered)
	p.settle(o, settlement(held, store.VerdictDead))
	p.state(o, ann(), store.StateDelivered)
	// A lease that ran out is no harm where nobody else came.
	p.apply(o, observed(ann(), after(60), fields{store.FieldUsername: "x"}))
	late := p.claimOne(o, ann(), moment)
	time.Sleep(5 * moment)
	p.settle(o, settlement(late, store.VerdictDelivered))
	p.state(o, ann(), store.StateDelivered)
}

func changeDuringDelivery(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	c := p.claimOne(o, ann(), long)
	p.apply(o, observed(ann(), after(60), fields{store.FieldUsername: "new"}))
	p.settle(o, settlement(c, store.VerdictDelivered))
	if s := p.state(o, ann(), store.StateOwed); !slices.Contains(s.Fields, store.FieldUsername) {
		p.failf("what changed during a delivery is not owed: %+v", s)
	}
	c = p.claimOne(o, ann(), long)
	if got := c.Record.Profile().Username; got != "new" {
		p.failf("the second delivery tells of the username %q", got)
	}
	p.apply(o, observed(ann(), after(61), fields{store.FieldUsername: "newer"}))
	p.settle(o, settlement(c, store.VerdictDead))
	p.state(o, ann(), store.StateOwed)
	p.deliver(o, store.VerdictDelivered)
	p.state(o, ann(), store.StateDelivered)
}

func retriesWait(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	x := settlement(p.claimOne(o, ann(), long), store.VerdictRetry)
	x.After, x.Reason = moment, "in vain"
	p.settle(o, x)
	c := p.claimOne(o, ann(), long)
	if c.Standing.Attempts != 1 || c.Standing.Reason != "in vain" {
		p.failf("after one attempt in vain the claim is %+v", c.Standing)
	}
	x = settlement(c, store.VerdictRelease)
	x.After, x.Reason = moment, "paused"
	p.settle(o, x)
	c = p.claimOne(o, ann(), long)
	if c.Standing.Attempts != 1 || c.Standing.Reason != "paused" {
		p.failf("after a release the claim is %+v", c.Standing)
	}
	x = settlement(c, store.VerdictRetry)
	x.After = long
	p.settle(o, x)
	p.nothingDue(o, "before the retry", true)
	p.apply(o, observed(ann(), after(60), fields{store.FieldUsername: "x"}))
	p.nothingDue(o, "before the retry, after a change", true)
}

func deadLetters(p *probe) {
	o := p.outbox(crm, desk)
	keys := []store.Key{numbered("telegram", 1), numbered("telegram", 2), numbered("telegram", 3), numbered("telegram", 4)}
	for _, key := range keys {
		p.apply(o, known(key))
	}
	claims, _ := p.claim(o, 10, long)
	for _, c := range claims {
		x := settlement(c, store.VerdictDead)
		x.Reason = "no such " + c.Standing.Key.UserID
		p.settle(o, x)
	}
	p.nothingDue(o, "when all are dead letters", false)
	for _, key := range keys {
		if s := p.state(o, key, store.StateDead); s.Reason != "no such "+key.UserID || s.Attempts != 1 || !s.All {
			p.failf("a dead letter is %+v", s)
		}
	}
	p.apply(o, observed(keys[0], after(60), fields{store.FieldUsername: "x"}))
	p.state(o, keys[0], store.StateOwed)
	p.deliver(o, store.VerdictDelivered)

	p.replay(o, crm, keys[1], 1)
	p.state(o, keys[1], store.StateOwed)
	p.state(o, keys[2], store.StateDead)
	p.replay(o, crm, keys[1], 0)
	p.replay(o, crm, numbered("telegram", 9), 0)
	p.replay(o, desk, store.Key{}, 0)
	p.replay(o, crm, store.Key{}, 2)
	p.replay(o, crm, store.Key{}, 0)
	if n := len(p.deliver(o, store.VerdictDelivered)); n != 3 {
		p.failf("of 3 dead letters that were replayed %d are handed out", n)
	}
	p.state(o, keys[0], store.StateDelivered)
}

func replayHurries(p *probe) {
	o := p.outbox()
	p.apply(o, known(numbered("telegram", 1)), known(numbered("telegram", 2)), known(numbered("telegram", 3)))
	p.enroll(o, crm) // in the bulk lane, as what comes later is not
	p.apply(o, known(ann()), known(numbered("telegram", 4)), known(numbered("telegram", 5)))
	claims, _ := p.claim(o, 10, long)
	waiting := make(map[store.Key]bool)
	dead, held := 0, 0
	for i, c := range claims {
		x := settlement(c, store.VerdictRetry)
		x.Reason, x.After = "in vain", long
		switch i {
		case 0, 3:
			x.Verdict = store.VerdictDead
			dead++
		case 1, 4:
			waiting[c.Standing.Key] = true
		default:
			held++
			continue
		}
		p.settle(o, x)
	}
	if dead != 2 || held != 2 || len(waiting) != 2 {
		p.failf("of 6 people %d are handed out", len(claims))
	}
	p.nothingDue(o, "before what waits is replayed", true)
	one, other := claims[1].Standing.Key, claims[4].Standing.Key
	p.replay(o, crm, one, 0)
	c := p.claimOne(o, one, long)
	if c.Standing.Attempts != 1 || c.Standing.Reason != "in vain" {
		p.failf("what waited for another try and was replayed is handed out as %+v", c.Standing)
	}
	p.nothingDue(o, "when another was replayed", true)
	p.replay(o, crm, claims[2].Standing.Key, 0)
	p.nothingDue(o, "when a delivery that is under way was replayed", true)
	p.replay(o, crm, store.Key{}, 2)
	again, _ := p.claim(o, 10, long)
	if len(again) != 3 {
		p.failf("of 2 dead letters and one that waited, all replayed, %d are handed out", len(again))
	}
	if !slices.ContainsFunc(again, func(c store.Claim) bool { return c.Standing.Key == other }) {
		p.failf("%s waited for another try, and is not handed out after a replay of all", other)
	}
}

func unserved(p *probe) {
	o := p.outbox(crm)
	never, former := numbered("telegram", 1), numbered("telegram", 2)
	p.apply(o, known(former))
	p.deliver(o, store.VerdictDelivered)
	p.apply(o, known(never), observed(former, after(60), fields{store.FieldUsername: "x"}))
	claims, _ := p.claim(o, 10, long)
	for _, c := range claims {
		p.settle(o, settlement(c, store.VerdictUnserved))
	}
	p.nothingDue(o, "of those whom a backend is not for", false)
	p.stands(o, "when the backend is not for somebody", store.Standing{
		Backend: crm, Key: never, State: store.StateUnserved, Version: 1,
	})
	p.stands(o, "when the backend is not for somebody any more", store.Standing{
		Backend: crm, Key: former, State: store.StateUnserved, Version: 2, Touched: true, Remote: "remote of " + former.UserID,
	})
	p.sameStandings("by their state", p.standings(o, store.StandingFilter{State: store.StateUnserved}), p.standings(o, store.StandingFilter{}))
	p.backlog(o, "when the backend is for nobody", store.Backlog{Backend: crm, Complete: true})
	p.replay(o, crm, store.Key{}, 0)

	p.apply(o, observed(never, after(90), fields{store.FieldUsername: "y"}))
	if s := p.state(o, never, store.StateOwed); !s.All {
		p.failf("somebody whom the backend was not for changes, and owed is %+v", s)
	}
	for _, c := range p.deliver(o, store.VerdictUnserved) {
		p.forget(o, c.Standing.Key, true)
	}
	p.forget(o, never, true)
	p.forget(o, former, true)
	if s := p.standing(o, crm, former); !s.Erase {
		p.failf("somebody whom the backend was for is forgotten, and owed is %+v", s)
	}
}

func sinceWhen(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(numbered("telegram", 0)))
	last := p.state(o, numbered("telegram", 0), store.StateOwed).Due
	var want []store.Standing
	for i, step := range []struct {
		verdict store.Verdict
		state   store.State
	}{
		{store.VerdictDelivered, store.StateDelivered}, {store.VerdictDead, store.StateDead}, {store.VerdictUnserved, store.StateUnserved},
		{store.VerdictErased, store.StateErased}, {store.VerdictUnerasable, store.StateUnerasable},
	} {
		key := numbered("telegram", i)
		p.apply(o, known(key))
		c := p.claimOne(o, key, long)
		if step.verdict == store.VerdictErased || step.verdict == store.VerdictUnerasable {
			p.settle(o, settlement(c, store.VerdictDelivered))
			p.forget(o, key, false)
			c = p.claimOne(o, key, long)
		}
		time.Sleep(2 * time.Millisecond)
		p.settle(o, settlement(c, step.verdict))
		s := p.state(o, key, step.state)
		if !s.Due.After(last) || !s.Due.Before(c.Standing.Due) {
			p.failf("the state is %q since %s; it was something else at %s, and the claim was to end at %s", s.State, s.Due, last, c.Standing.Due)
		}
		last = s.Due
		want = append(want, s)
	}
	time.Sleep(2 * time.Millisecond)
	p.apply(o, observed(numbered("telegram", 0), after(99), nil), known(numbered("telegram", 9)))
	for _, s := range want {
		p.sameStandings("after something else happened", p.standings(o, store.StandingFilter{Key: s.Key}), []store.Standing{s})
	}
}

func outboxClosed(p *probe) {
	o := p.outbox(crm)
	closer, ok := o.(io.Closer)
	if !ok {
		p.skip("the store has no Close")
	}
	p.apply(o, known(ann()))
	c := p.claimOne(o, ann(), long)
	if err := closer.Close(); err != nil {
		p.failf("Close: %v", err)
	}
	p.everyCall(p.ctx, o, "after Close", c, store.ErrClosed)
}
