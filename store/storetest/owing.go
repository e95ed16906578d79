package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func owedWithTheChange(p *probe) {
	o := p.outbox(crm, desk)
	c := p.apply(o, known(ann()))[0]
	for _, backend := range []string{crm, desk} {
		p.stands(o, "after the first change", store.Standing{
			Backend: backend, Key: ann(), State: store.StateOwed, Version: 1, Fields: c.Fields, All: true,
		})
	}
	stranger := numbered("discord", 1)
	_, err := o.Apply(p.ctx, []store.Record{known(stranger), known(store.Key{Channel: "telegram"})})
	p.errorIs("Apply of a batch with a malformed key", err, store.ErrInvalid)
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	_, err = o.Apply(ctx, []store.Record{known(stranger)})
	p.errorIs("Apply with a cancelled context", err, context.Canceled)
	if s := p.standing(o, crm, stranger); s.State != "" {
		p.failf("what Apply did not do is owed: %+v", s)
	}
	if n := len(p.standings(o, store.StandingFilter{})); n != 2 {
		p.failf("one person has %d standings with two backends", n)
	}
}

func owesWhatChanged(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	p.deliver(o, store.VerdictDelivered)
	want := store.Standing{Backend: crm, Key: ann(), State: store.StateDelivered, Version: 1, Touched: true, Remote: "remote of 42"}
	p.stands(o, "after the delivery", want)
	for _, d := range []store.Record{
		known(ann()), // again
		observed(ann(), after(50), fields{store.FieldGivenName: "Ann"}), // only seen later
		observed(ann(), after(-50), fields{store.FieldGivenName: "Old"}),
		observed(ann(), after(51), fields{store.FieldBio: "not what is pinned"}),
	} {
		p.apply(o, d)
		p.stands(o, "after "+show(d)+", which changes nothing that is seen", want)
	}
	p.nothingDue(o, "after a delivery", false)

	p.apply(o, observed(ann(), after(60), fields{store.FieldUsername: "ann"}))
	want.State, want.Version, want.Fields = store.StateOwed, 2, []store.Field{store.FieldUsername}
	p.stands(o, "after a change", want)
	p.apply(o,
		observed(ann(), after(61), fields{store.FieldFamilyName: "Lee"}),
		observed(ann(), after(62), nil),
		observed(ann(), after(63), fields{store.FieldGivenName: "", store.FieldUsername: "ann2"}))
	want.Version, want.Fields = 4, []store.Field{store.FieldFamilyName, store.FieldGivenName, store.FieldUsername}
	p.stands(o, "after three more deltas, one of which is of no account", want)
}

func enrollBackfills(p *probe) {
	o := p.outbox()
	const size = 40
	var crowd []store.Record
	for n := range size {
		crowd = append(crowd, known(numbered("telegram", n)))
	}
	p.apply(o, crowd...)
	p.forget(o, numbered("telegram", 0), true)
	p.forget(o, numbered("telegram", 1), false)
	p.enroll(o, crm)
	for range 2 {
		owed := p.standings(o, store.StandingFilter{Backend: crm})
		if len(owed) != size-2 {
			p.failf("of %d people %d are owed to a new backend", size-2, len(owed))
		}
		for _, s := range owed {
			if s.State != store.StateOwed || !s.All || !s.Bulk || s.Touched {
				p.failf("to a new backend is owed %+v", s)
			}
		}
		p.enroll(o, crm) // which does nothing
	}
	p.deliver(o, store.VerdictDelivered)
	p.enroll(o, crm)
	if left := p.standings(o, store.StandingFilter{State: store.StateOwed}); len(left) > 0 {
		p.failf("a backend that is enrolled again is owed %d people again", len(left))
	}
	p.enroll(o, desk)
	if n := len(p.standings(o, store.StandingFilter{Backend: desk, State: store.StateOwed})); n != size-2 {
		p.failf("a second backend is owed %d people of %d", n, size-2)
	}
}

func resync(p *probe) {
	o := p.outbox(crm, desk)
	quiet, busy, dead, gone := numbered("telegram", 1), numbered("telegram", 2), numbered("telegram", 3), numbered("telegram", 4)
	p.apply(o, known(quiet), known(busy), known(gone))
	p.deliver(o, store.VerdictDelivered)
	p.forget(o, gone, false)
	p.deliver(o, store.VerdictErased)
	p.apply(o, known(dead))
	p.deliver(o, store.VerdictDead)
	p.apply(o, observed(busy, after(60), fields{store.FieldUsername: "busy"}))
	before := p.standings(o, store.StandingFilter{Backend: desk})
	p.resync(o, crm)
	p.sameStandings("after a resync of another backend", p.standings(o, store.StandingFilter{Backend: desk}), before)
	for key, bulk := range map[store.Key]bool{quiet: true, dead: true, busy: false} {
		if s := p.state(o, key, store.StateOwed); !s.All || s.Bulk != bulk || s.Attempts != 0 {
			p.failf("after a resync is owed %+v; want all of it, bulk %t", s, bulk)
		}
	}
	p.state(o, gone, store.StateErased)
	p.backlog(o, "after a resync", store.Backlog{Backend: crm, Owed: 3, Bulk: 2, Complete: true, Total: 3})
}

func withdraw(p *probe) {
	o := p.outbox(crm, desk)
	p.withdraw(o, "unknown")
	p.apply(o, known(ann()))
	p.deliver(o, store.VerdictDelivered)
	p.withdraw(o, crm)
	p.withdraw(o, crm)
	p.apply(o, known(numbered("telegram", 1)))
	for _, left := range p.standings(o, store.StandingFilter{}) {
		if left.Backend == crm {
			p.failf("after Withdraw there is %+v", left)
		}
	}
	p.noStandings(o, store.StandingFilter{Backend: crm}, store.ErrNotFound)
	_, _, err := o.Claim(p.ctx, crm, 1, long)
	p.errorIs("Claim after Withdraw", err, store.ErrNotFound)
	if n := len(p.standings(o, store.StandingFilter{Backend: desk, State: store.StateOwed})); n != 2 {
		p.failf("when another backend was withdrawn, %d people of 2 are owed", n)
	}
	p.enroll(o, crm)
	p.stands(o, "after Enroll behind a Withdraw", store.Standing{
		Backend: crm, Key: ann(), State: store.StateOwed, Version: 1, All: true, Bulk: true,
	})
}

func unknownBackend(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	claims, _, err := o.Claim(p.ctx, "unknown", 1, long)
	p.errorIs("Claim from an unknown backend", err, store.ErrNotFound)
	if len(claims) > 0 {
		p.failf("an unknown backend gets %+v", claims[0])
	}
	p.errorIs("Settle with an unknown backend", o.Settle(p.ctx, "unknown", nil), store.ErrNotFound)
	p.errorIs("Resync of an unknown backend", o.Resync(p.ctx, "unknown"), store.ErrNotFound)
	_, err = o.Replay(p.ctx, "unknown", store.Key{})
	p.errorIs("Replay of an unknown backend", err, store.ErrNotFound)
	p.noStandings(o, store.StandingFilter{Backend: "unknown"}, store.ErrNotFound)
	p.noStandings(o, store.StandingFilter{Backend: "unknown", Key: ann(), State: store.StateOwed}, store.ErrNotFound)
	p.noStandings(o, store.StandingFilter{State: "deda"}, store.ErrInvalid)
	p.noStandings(o, store.StandingFilter{Backend: crm, State: "Owed"}, store.ErrInvalid)
}

// noStandings wants the filter to be refused.
func (p *probe) noStandings(o store.Outbox, f store.StandingFilter, want error) {
	var err error
	for s, failed := range o.Standings(p.ctx, f) {
		if failed == nil || err != nil {
			p.failf("Standings by the filter %+v yields %+v, %v", f, s, failed)
		}
		err = failed
	}
	p.errorIs(fmt.Sprintf("Standings by the filter %+v", f), err, want)
}

func standingsListed(p *probe) {
	o := p.outbox(desk, crm)
	var crowd []store.Record
	for n := range 60 {
		crowd = append(crowd, observed(numbered([]string{"telegram", "discord"}[n%2], n), after(0), nil))
	}
	p.rand.Shuffle(len(crowd), func(i, j int) { crowd[i], crowd[j] = crowd[j], crowd[i] })
	p.apply(o, crowd...)
	claims, _ := p.claim(o, 20, long)
	for i, c := range claims {
		p.settle(o, settlement(c, []store.Verdict{store.VerdictDelivered, store.VerdictDead, store.VerdictUnserved}[i%3]))
	}
	all := p.standings(o, store.StandingFilter{})
	if len(all) != 2*len(crowd) {
		p.failf("%d people have %d standings with two backends", len(crowd), len(all))
	}
	sorted := slices.IsSortedFunc(all, func(a, b store.Standing) int {
		if a.Backend != b.Backend {
			return map[bool]int{true: -1, false: 1}[a.Backend < b.Backend]
		}
		return a.Key.Compare(b.Key)
	})
	if !sorted {
		p.failf("standings come in another order than by backend and key")
	}
	for _, f := range []store.StandingFilter{
		{Backend: crm}, {Backend: desk},
		{Key: crowd[7].Key}, {Key: numbered("discord", 9999)}, {Backend: desk, Key: crowd[8].Key},
		{State: store.StateDead}, {State: store.StateDelivered}, {State: store.StateOwed}, {State: store.StateErased},
		{State: store.StateUnserved}, {State: store.StateUnerasable},
		{Backend: crm, State: store.StateDead}, {Backend: desk, State: store.StateDead},
		{Backend: crm, Key: claims[0].Standing.Key, State: store.StateDelivered},
		{Backend: crm, Key: claims[0].Standing.Key, State: store.StateDead},
	} {
		var want []store.Standing
		for _, s := range all {
			if f.Match(s) {
				want = append(want, s)
			}
		}
		p.sameStandings(fmt.Sprintf("by the filter %+v", f), p.standings(o, f), want)
	}
	for _, err := range o.Standings(p.ctx, store.StandingFilter{}) {
		if err != nil {
			p.failf("Standings: %v", err)
		}
		break
	}
	p.within("Apply after a listing of standings was broken off", func() error {
		_, err := o.Apply(p.ctx, []store.Record{known(ann())})
		return err
	})
}

func backlogs(p *probe) {
	o := p.outbox()
	for n := range 5 {
		p.apply(o, known(numbered("telegram", n)))
	}
	p.enroll(o, desk)
	p.enroll(o, crm)
	p.backlog(o, "after Enroll", store.Backlog{Backend: crm, Owed: 5, Bulk: 5, Complete: true, Total: 5})
	p.apply(o, known(numbered("telegram", 5)), observed(numbered("telegram", 0), after(60), fields{store.FieldUsername: "x"}))
	p.backlog(o, "after one more person and one change", store.Backlog{Backend: crm, Owed: 6, Bulk: 4, Complete: true, Total: 5})
	claims, _ := p.claim(o, 4, long)
	p.settle(o, settlement(claims[0], store.VerdictDead), settlement(claims[1], store.VerdictDelivered),
		settlement(claims[2], store.VerdictDelivered))
	p.backlog(o, "with a dead letter, two deliveries and a claim", store.Backlog{Backend: crm, Owed: 3, Bulk: 3, Dead: 1, Complete: true, Total: 5})
	p.backlog(o, "when nothing was delivered", store.Backlog{Backend: desk, Owed: 6, Bulk: 4, Complete: true, Total: 5})
	all, err := o.Backlogs(p.ctx)
	if err != nil || len(all) != 2 || all[0].Backend != crm || all[1].Backend != desk {
		p.failf("Backlogs: %+v, %v; want those of %s and %s, in this order", all, err, crm, desk)
	}
}

func outboxNoSharing(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	c := p.claimOne(o, ann(), long)
	want := p.standing(o, crm, ann())
	wanted := want
	wanted.Fields = slices.Clone(want.Fields)
	spoil := func(s store.Standing) {
		for i := range s.Fields {
			s.Fields[i] = "spoilt"
		}
	}
	spoil(c.Standing)
	for i := range c.Record.Registers {
		c.Record.Registers[i].Value = "spoilt"
	}
	spoil(want)
	p.sameStandings("after what Claim and Standings returned was changed", p.standings(o, store.StandingFilter{}), []store.Standing{wanted})
	p.sameRecord(o, known(ann()))
}

func outboxCancelled(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	c := p.claimOne(o, ann(), long)
	p.apply(o, known(numbered("telegram", 1)))
	before := p.standings(o, store.StandingFilter{})
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	p.everyCall(ctx, o, "with a cancelled context", c, context.Canceled)
	p.sameStandings("after calls with a cancelled context", p.standings(o, store.StandingFilter{}), before)
}

func outboxDurable(p *probe) {
	if p.reopen == nil {
		p.skip("without storetest.Reopen")
	}
	o := p.outbox(crm, desk)
	for n := range 6 {
		p.apply(o, known(numbered("telegram", n)))
		time.Sleep(2 * time.Millisecond) // so that their order is that of their numbers
	}
	claims, _ := p.claim(o, 4, long)
	retry := settlement(claims[1], store.VerdictRetry)
	retry.Reason, retry.After = "in vain", long
	p.settle(o, settlement(claims[0], store.VerdictDelivered), retry, settlement(claims[2], store.VerdictDead))
	p.forget(o, claims[0].Standing.Key, true)
	want := p.standings(o, store.StandingFilter{})
	o = p.asOutbox(p.reopen(o))
	p.sameStandings("after reopening", p.standings(o, store.StandingFilter{}), want)
	p.settle(o, settlement(claims[3], store.VerdictDelivered))
	p.state(o, claims[3].Standing.Key, store.StateDelivered)
	p.apply(o, known(ann()))
	if n := len(p.standings(o, store.StandingFilter{Key: ann()})); n != 2 {
		p.failf("after reopening a change is owed to %d backends of 2", n)
	}
}
