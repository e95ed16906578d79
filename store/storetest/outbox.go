package storetest

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// The backends of the properties of an Outbox.
const (
	crm  = "crm"
	desk = "desk"
)

// long is a lease, or a pause, that does not run out while a property is checked,
// and moment one that is over when it is waited for.
const (
	long   = 10 * time.Minute
	moment = time.Millisecond
)

// outbox opens a store that remembers what it owes to backends.
func (p *probe) outbox(backends ...string) store.Outbox {
	o := p.asOutbox(p.open())
	for _, backend := range backends {
		p.enroll(o, backend)
	}
	return o
}

func (p *probe) asOutbox(st store.Store) store.Outbox {
	o, ok := st.(store.Outbox)
	if !ok {
		p.skip("the store is not a store.Outbox")
	}
	return o
}

func (p *probe) enroll(o store.Outbox, backend string) {
	if err := o.Enroll(p.ctx, backend); err != nil {
		p.failf("Enroll %s: %v", backend, err)
	}
}

func (p *probe) resync(o store.Outbox, backend string) {
	if err := o.Resync(p.ctx, backend); err != nil {
		p.failf("Resync %s: %v", backend, err)
	}
}

func (p *probe) withdraw(o store.Outbox, backend string) {
	if err := o.Withdraw(p.ctx, backend); err != nil {
		p.failf("Withdraw %s: %v", backend, err)
	}
}

// replay wants that many dead letters to be owed again.
func (p *probe) replay(o store.Outbox, backend string, key store.Key, want int) {
	n, err := o.Replay(p.ctx, backend, key)
	if err != nil || n != want {
		p.failf("Replay %s %q: %d, %v; want %d", backend, key, n, err, want)
	}
}

// claim wants what is due now, and how long to wait where that is nothing.
func (p *probe) claim(o store.Outbox, limit int, lease time.Duration) ([]store.Claim, time.Duration) {
	claims, wait, err := o.Claim(p.ctx, crm, limit, lease)
	if err != nil {
		p.failf("Claim from %s: %v", crm, err)
	}
	if len(claims) > limit {
		p.failf("Claim of up to %d returned %d", limit, len(claims))
	}
	for _, c := range claims {
		if c.Standing.Backend != crm || c.Standing.State != store.StateOwed || c.Standing.Token == 0 {
			p.failf("claimed from %s is %+v", crm, c.Standing)
		}
	}
	return claims, wait
}

// claimOne waits until something is due, and wants it to be of key.
func (p *probe) claimOne(o store.Outbox, key store.Key, lease time.Duration) store.Claim {
	for giveUp := time.Now().Add(p.patience); ; time.Sleep(moment) {
		claims, _ := p.claim(o, 1, lease)
		if len(claims) == 1 && claims[0].Standing.Key == key {
			return claims[0]
		}
		if len(claims) == 1 {
			p.failf("claimed is %s; %s is to come first", claims[0].Standing.Key, key)
		}
		if time.Now().After(giveUp) {
			p.failf("%s is not handed out for %s; the standing is %+v", key, p.patience, p.standing(o, crm, key))
		}
	}
}

// nothingDue wants nothing to be due, and something to be owed that is due later,
// or nothing at all.
func (p *probe) nothingDue(o store.Outbox, when string, later bool) {
	claims, wait := p.claim(o, 10, long)
	if len(claims) > 0 {
		p.failf("%s, %+v is handed out", when, claims[0].Standing)
	}
	if later && (wait <= 0 || wait > long) {
		p.failf("%s, Claim says to wait %s; want up to %s", when, wait, long)
	}
	if !later && wait > 0 {
		p.failf("%s nothing is owed, and Claim says to wait %s", when, wait)
	}
}

// settlement ends the claim c.
func settlement(c store.Claim, verdict store.Verdict) store.Settlement {
	return store.Settlement{Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Verdict: verdict}
}

func (p *probe) settle(o store.Outbox, settlements ...store.Settlement) {
	if err := o.Settle(p.ctx, crm, settlements); err != nil {
		p.failf("Settle with %s: %v", crm, err)
	}
}

// deliver claims all that is due, and settles it.
func (p *probe) deliver(o store.Outbox, verdict store.Verdict) []store.Claim {
	claims, _ := p.claim(o, 1000, long)
	settlements := make([]store.Settlement, len(claims))
	for i, c := range claims {
		settlements[i] = settlement(c, verdict)
		settlements[i].Remote = "remote of " + c.Standing.Key.UserID
	}
	p.settle(o, settlements...)
	return claims
}

func (p *probe) standings(o store.Outbox, f store.StandingFilter) []store.Standing {
	var standings []store.Standing
	for s, err := range o.Standings(p.ctx, f) {
		if err != nil {
			p.failf("Standings %+v: %v", f, err)
		}
		standings = append(standings, s)
	}
	return standings
}

// standing returns the one of key, a zero Standing where there is none.
func (p *probe) standing(o store.Outbox, backend string, key store.Key) store.Standing {
	standings := p.standings(o, store.StandingFilter{Backend: backend, Key: key})
	if len(standings) > 1 {
		p.failf("%s has %d standings with %s", key, len(standings), backend)
	}
	if len(standings) == 0 {
		return store.Standing{}
	}
	return standings[0]
}

// stands wants the standing of key to be want in all but its times and token.
func (p *probe) stands(o store.Outbox, when string, want store.Standing) {
	got := p.standing(o, want.Backend, want.Key)
	if got.State == store.StateOwed && got.Due.IsZero() {
		p.failf("%s, the standing of %s is owed and never due", when, want.Key)
	}
	got.Due, got.Token = time.Time{}, 0
	if !reflect.DeepEqual(got, want) {
		p.failf("%s, the standing is\n\t%+v\nand should be\n\t%+v", when, got, want)
	}
}

// state wants the standing of key to be in this state.
func (p *probe) state(o store.Outbox, key store.Key, want store.State) store.Standing {
	got := p.standing(o, crm, key)
	if got.State != want {
		p.failf("%s stands with %s as %q; want %q: %+v", key, crm, got.State, want, got)
	}
	return got
}

func (p *probe) sameStandings(when string, got, want []store.Standing) {
	if len(got) != len(want) {
		p.failf("%s, there are %d standings; want %d", when, len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			p.failf("%s, a standing is\n\t%+v\nand should be\n\t%+v", when, got[i], want[i])
		}
	}
}

// backlog wants this to be owed to a backend, Elapsed aside.
func (p *probe) backlog(o store.Outbox, when string, want store.Backlog) {
	backlogs, err := o.Backlogs(p.ctx)
	if err != nil {
		p.failf("Backlogs: %v", err)
	}
	i := slices.IndexFunc(backlogs, func(b store.Backlog) bool { return b.Backend == want.Backend })
	if i < 0 {
		p.failf("%s, Backlogs does not tell of %s: %+v", when, want.Backend, backlogs)
	}
	got := backlogs[i]
	if got.Elapsed < 0 {
		p.failf("%s, the backlog of %s began in %s", when, got.Backend, -got.Elapsed)
	}
	got.Elapsed = 0
	if got != want {
		p.failf("%s, the backlog is\n\t%+v\nand should be\n\t%+v", when, got, want)
	}
}

// everyCall makes each call of an Outbox, and wants each to fail.
func (p *probe) everyCall(ctx context.Context, o store.Outbox, when string, c store.Claim, want error) {
	p.errorIs("Enroll "+when, o.Enroll(ctx, desk), want)
	p.errorIs("Withdraw "+when, o.Withdraw(ctx, crm), want)
	p.errorIs("Resync "+when, o.Resync(ctx, crm), want)
	_, err := o.Replay(ctx, crm, store.Key{})
	p.errorIs("Replay "+when, err, want)
	claims, _, err := o.Claim(ctx, crm, 10, long)
	p.errorIs("Claim "+when, err, want)
	if len(claims) > 0 {
		p.failf("Claim %s returns an error and %d claims", when, len(claims))
	}
	p.errorIs("Settle "+when, o.Settle(ctx, crm, []store.Settlement{settlement(c, store.VerdictDelivered)}), want)
	_, err = o.Backlogs(ctx)
	p.errorIs("Backlogs "+when, err, want)
	err = nil
	for s, failed := range o.Standings(ctx, store.StandingFilter{}) {
		if failed == nil || !reflect.DeepEqual(s, store.Standing{}) || err != nil {
			p.failf("Standings %s yields %+v, %v", when, s, failed)
		}
		err = failed
	}
	p.errorIs("Standings "+when, err, want)
}
