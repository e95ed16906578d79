package storetest

import (
	"fmt"

	"github.com/rollcall-go/rollcall/store"
)

func forgetUnclaimed(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()), known(numbered("telegram", 1)))
	p.forget(o, ann(), true)
	p.forget(o, numbered("telegram", 1), false)
	p.forget(o, numbered("telegram", 2), true)
	if left := p.standings(o, store.StandingFilter{}); len(left) > 0 {
		p.failf("of somebody whom no backend ever got there is %+v", left[0])
	}
	p.apply(o, known(ann()))
	p.nothingDue(o, "of somebody with a tombstone", false)
}

func forgetOwesErasure(p *probe) {
	o := p.outbox(crm, desk)
	gone, stays := numbered("telegram", 1), numbered("telegram", 2)
	p.apply(o, known(ann()), known(gone), known(stays))
	p.deliver(o, store.VerdictDelivered)
	for _, key := range []store.Key{ann(), gone} {
		p.apply(o, observed(key, after(60), fields{store.NickField("7"): "x"}))
		p.forget(o, key, key == gone)
		p.stands(o, "after Forget", store.Standing{
			Backend: crm, Key: key, State: store.StateOwed, Version: 3, Erase: true, Touched: true, Remote: "remote of " + key.UserID,
		})
		if s := p.standing(o, desk, key); s.State != "" {
			p.failf("an erasure is owed to a backend that never got %s: %+v", key, s)
		}
	}
	claims, _ := p.claim(o, 10, long)
	if len(claims) != 2 {
		p.failf("%d erasures are handed out; want 2", len(claims))
	}
	for _, c := range claims {
		if c.Record.Key != (store.Key{}) || len(c.Record.Registers) > 0 || !c.Standing.Erase {
			p.failf("with the erasure %+v comes %s", c.Standing, show(c.Record))
		}
	}
	p.settle(o, settlement(claims[0], store.VerdictErased), settlement(claims[1], store.VerdictUnerasable))
	for i, state := range []store.State{store.StateErased, store.StateUnerasable} {
		p.stands(o, "after the erasure", store.Standing{
			Backend: crm, Key: claims[i].Standing.Key, State: state, Version: 3, Touched: true,
		})
		p.forget(o, claims[i].Standing.Key, true)
		p.state(o, claims[i].Standing.Key, state)
	}
	p.state(o, stays, store.StateDelivered)
}

func forgetDuringDelivery(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	c := p.claimOne(o, ann(), long)
	p.figure = fmt.Sprintf("%d fields that landed late are to be erased", len(c.Record.Registers))
	p.forget(o, ann(), true)
	p.nothingDue(o, "while the delivery of somebody forgotten is under way", true)
	x := settlement(c, store.VerdictDelivered)
	x.Remote = "late"
	p.settle(o, x)
	c = p.claimOne(o, ann(), long)
	if !c.Standing.Erase || c.Standing.Remote != "late" {
		p.failf("after the delivery of somebody who was forgotten meanwhile, owed is %+v", c.Standing)
	}
}

func eraseBeforeComeback(p *probe) {
	o := p.outbox(crm)
	p.apply(o, known(ann()))
	p.deliver(o, store.VerdictDelivered)
	p.forget(o, ann(), true)
	p.readmit(o, ann())
	back := observed(ann(), after(90), fields{store.FieldGivenName: "Ann"})
	p.apply(o, back)
	c := p.claimOne(o, ann(), long)
	if !c.Standing.Erase || !c.Standing.All || c.Standing.Remote == "" {
		p.failf("of somebody who came back before they were erased, owed is %+v", c.Standing)
	}
	p.settle(o, settlement(c, store.VerdictErased))
	c = p.claimOne(o, ann(), long)
	if c.Standing.Erase || !c.Standing.All || c.Standing.Remote != "" || !c.Record.Equal(back) {
		p.failf("of somebody who came back and was erased, owed is %+v, and the record is %s", c.Standing, show(c.Record))
	}
	p.settle(o, settlement(c, store.VerdictDelivered))
	p.state(o, ann(), store.StateDelivered)
}
