package storetest

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A portableOutbox is what is copied from, and to.
type portableOutbox interface {
	store.Outbox
	store.Portable
}

// portable opens a store that can be copied.
func (p *probe) portable(backends ...string) portableOutbox {
	st := p.asPortable(p.open())
	for _, backend := range backends {
		p.enroll(st, backend)
	}
	return st
}

func (p *probe) asPortable(st store.Store) portableOutbox {
	if _, ok := st.(store.Portable); !ok {
		p.skip("the store is not a store.Portable")
	}
	o, ok := st.(portableOutbox)
	if !ok {
		p.skip("the store is a store.Portable and not a store.Outbox")
	}
	return o
}

func (p *probe) dossiers(st store.Portable, after store.Key) []store.Dossier {
	var all []store.Dossier
	for d, err := range st.Dossiers(p.ctx, after) {
		if err != nil {
			p.failf("Dossiers behind %q: %v", after, err)
		}
		all = append(all, d)
	}
	return all
}

// dossier returns that of key, an empty one where there is none.
func (p *probe) dossier(st store.Portable, key store.Key) store.Dossier {
	for _, d := range p.dossiers(st, store.Key{}) {
		if d.Key == key {
			return d
		}
	}
	return store.Dossier{Key: key}
}

func (p *probe) importAll(st store.Portable, dossiers ...store.Dossier) {
	if err := st.Import(p.ctx, dossiers); err != nil {
		p.failf("Import of %d dossiers: %v", len(dossiers), err)
	}
}

func (p *probe) sameDossiers(when string, got, want []store.Dossier) {
	if len(got) != len(want) {
		p.failf("%s, there are %d dossiers; want %d", when, len(got), len(want))
	}
	for i := range got {
		p.sameDossier(when, got[i], want[i])
	}
}

func (p *probe) sameDossier(when string, got, want store.Dossier) {
	if got.Key != want.Key || got.Forgotten != want.Forgotten || !got.Record.Equal(want.Record) ||
		!slices.EqualFunc(got.Standings, want.Standings, func(a, b store.Standing) bool { return reflect.DeepEqual(a, b) }) {
		p.failf("%s, a dossier is\n\t%s\nand should be\n\t%s", when, asJSON(got), asJSON(want))
	}
}

// aDay brings people into every state. It returns who is held, in order.
func (p *probe) aDay(st portableOutbox) []store.Key {
	key := func(n int) store.Key { return numbered("telegram", n) }
	verdicts := []store.Verdict{store.VerdictDelivered, store.VerdictRetry, store.VerdictDead, store.VerdictUnserved}
	var held []store.Key
	for n := range 6 {
		p.apply(st, known(key(n)))
		held = append(held, key(n))
	}
	claims, _ := p.claim(st, 100, long)
	for n, verdict := range verdicts {
		x := settlement(claims[n], verdict)
		x.Reason, x.After, x.Remote = "why", long, "remote"
		p.settle(st, x)
	}
	p.apply(st, observed(claims[0].Standing.Key, after(60), fields{store.FieldUsername: "owed"}))
	owedErasure, erased, tombstone := numbered("discord", 1), numbered("discord", 2), numbered("discord", 3)
	p.apply(st, known(owedErasure), known(erased))
	p.deliver(st, store.VerdictDelivered)
	p.forget(st, erased, false)
	p.deliver(st, store.VerdictErased)
	p.forget(st, owedErasure, false)
	p.forget(st, tombstone, true)
	p.apply(st, known(numbered("zulip", 1))) // and owed
	return slices.Concat([]store.Key{owedErasure, erased, tombstone}, held, []store.Key{numbered("zulip", 1)})
}

func dossiersTellAll(p *probe) {
	st := p.portable(desk, crm)
	if all := p.dossiers(st, store.Key{}); len(all) > 0 {
		p.failf("a new store has the dossier %s", asJSON(all[0]))
	}
	held := p.aDay(st)
	all := p.dossiers(st, store.Key{})
	var keys []store.Key
	for _, d := range all {
		keys = append(keys, d.Key)
		r, err := st.Get(p.ctx, d.Key)
		if err != nil {
			r = store.Record{}
			p.errorIs("Get "+d.Key.String(), err, store.ErrNotFound)
		}
		want := store.Dossier{Key: d.Key, Record: r, Forgotten: d.Key == numbered("discord", 3), Standings: p.standings(st, store.StandingFilter{Key: d.Key})}
		p.sameDossier("in a listing", d, want)
	}
	if !slices.Equal(keys, held) {
		p.failf("Dossiers tells of\n\t%v\nand should tell of\n\t%v", keys, held)
	}
	spoilt := p.dossier(st, numbered("zulip", 1))
	spoilt.Record.Registers[0].Value, spoilt.Standings[0].Fields[0] = "spoilt", "spoilt"
	p.sameDossiers("after the last one was changed by the caller", p.dossiers(st, store.Key{}), all)
}

func dossiersCursor(p *probe) {
	st := p.portable(crm)
	p.aDay(st)
	all := p.dossiers(st, store.Key{})
	for i, d := range all {
		p.sameDossiers("behind "+d.Key.String(), p.dossiers(st, d.Key), all[i+1:])
	}
	p.sameDossiers("behind a key that is not there", p.dossiers(st, store.Key{Channel: "discord", UserID: "zzz"}), all[3:])
	for d, err := range st.Dossiers(p.ctx, store.Key{}) {
		if err != nil {
			p.failf("Dossiers: %v", err)
		}
		p.within("Apply amid a listing of dossiers", func() error {
			_, err := st.Apply(p.ctx, []store.Record{observed(d.Key, after(200), nil)})
			return err
		})
		break
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	var last error
	n := 0
	for _, err := range st.Dossiers(ctx, store.Key{}) {
		cancel()
		if last = err; err == nil {
			n++
		}
	}
	if last == nil && n != len(all) {
		p.failf("a listing of dossiers ends after %d of %d when it is cancelled, and says nothing", n, len(all))
	}
}

func importTakesOver(p *probe) {
	src := p.portable(crm, desk)
	p.aDay(src)
	all := p.dossiers(src, store.Key{})
	dst := p.portable(crm, desk)
	for _, again := range []string{"", " once more"} {
		for _, batch := range [][]store.Dossier{all[:4], all[4:]} {
			p.importAll(dst, batch...)
		}
		want := make([]store.Dossier, len(all))
		for i, d := range all {
			want[i] = d
			want[i].Standings = slices.Clone(d.Standings)
			for j := range d.Standings {
				st := &want[i].Standings[j]
				st.Touched, st.Token = st.Touched || st.Token != 0, 0
			}
		}
		p.sameDossiers("after Import of all that another store holds"+again, p.dossiers(dst, store.Key{}), want)
	}
	p.samePeople("List after Import", p.list(dst, store.Filter{}), p.list(src, store.Filter{}))
	p.samePeople("a search after Import", p.list(dst, store.Filter{Search: "ann"}), p.list(src, store.Filter{Search: "ann"}))
	p.suppressed(dst, numbered("discord", 3))
	p.importAll(dst)

	other := p.portable(desk)
	p.importAll(other, all...)
	for _, s := range p.standings(other, store.StandingFilter{}) {
		if s.Backend != desk {
			p.failf("Import into a store where the backend is not enrolled leaves %+v", s)
		}
	}
	p.apply(other, observed(numbered("zulip", 1), after(300), fields{store.FieldUsername: "new"}))
	if s := p.standing(other, desk, numbered("zulip", 1)); !slices.Contains(s.Fields, store.FieldUsername) {
		p.failf("a change after Import is not owed: %+v", s)
	}
}

// importJoins compares with Dossier.Join, whatever is held on either side.
func importJoins(p *probe) {
	src, dst := p.portable(crm, desk), p.portable(crm, desk)
	people := make([]store.Key, 6)
	for n := range people {
		people[n] = numbered("telegram", n)
	}
	for range 4 {
		for _, st := range []portableOutbox{src, dst} {
			for range 6 {
				p.something(st, people[p.rand.IntN(len(people))])
			}
		}
		before := make(map[store.Key]store.Dossier)
		for _, d := range p.dossiers(dst, store.Key{}) {
			before[d.Key] = d
		}
		all := p.dossiers(src, store.Key{})
		if len(all) > 0 {
			all = append(all, all[0])
		}
		p.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		time.Sleep(2 * moment) // so that all that is said of before was before
		p.importAll(dst, all...)
		for _, from := range all {
			before[from.Key] = before[from.Key].Join(from, []string{crm, desk}, time.Now())
		}
		var want []store.Dossier
		for _, d := range before {
			if !d.Empty() {
				want = append(want, untimed(d))
			}
		}
		slices.SortFunc(want, func(a, b store.Dossier) int { return a.Key.Compare(b.Key) })
		got := p.dossiers(dst, store.Key{})
		for i, d := range got {
			got[i] = untimed(d)
		}
		p.sameDossiers("after Import into a store that is in use", got, want)
	}
}

// untimed is d without what depends on when it was joined.
func untimed(d store.Dossier) store.Dossier {
	d.Standings = slices.Clone(d.Standings)
	for i, s := range d.Standings {
		s.Due = time.Time{}
		if len(s.Fields) == 0 {
			s.Fields = nil
		}
		d.Standings[i] = s
	}
	return d
}

// something is what may happen to a person.
func (p *probe) something(st portableOutbox, key store.Key) {
	time.Sleep(moment)
	switch p.rand.IntN(8) {
	case 0:
		p.forget(st, key, p.rand.IntN(2) == 0)
	case 1:
		p.deliver(st, store.VerdictDelivered)
	case 2:
		p.deliver(st, []store.Verdict{store.VerdictDead, store.VerdictErased, store.VerdictRetry}[p.rand.IntN(3)])
	case 3:
		p.claim(st, 1, long)
	default:
		p.apply(st, randomDelta(p.rand, key))
	}
}

func importForgets(p *probe) {
	st := p.portable(crm)
	here, there, stays := numbered("telegram", 1), numbered("telegram", 2), numbered("telegram", 3)
	p.apply(st, known(here), known(stays))
	p.deliver(st, store.VerdictDelivered)
	p.forget(st, there, true)
	p.importAll(st, store.Dossier{Key: here, Forgotten: true}, store.Dossier{Key: there, Record: known(there)}, store.Dossier{Key: stays})
	p.suppressed(st, here)
	p.suppressed(st, there)
	p.samePeople("List after somebody was forgotten by Import", p.list(st, store.Filter{}), []store.Profile{known(stays).Profile()})
	p.stands(st, "after the person was forgotten by Import", store.Standing{
		Backend: crm, Key: here, State: store.StateOwed, Version: 2, Erase: true, Touched: true, Remote: "remote of " + here.UserID,
	})
	if s := p.standing(st, crm, there); s.State != "" {
		p.failf("of somebody with a tombstone whom no backend ever got, Import leaves %+v", s)
	}
	p.state(st, stays, store.StateDelivered)
	p.readmit(st, here)
	p.apply(st, known(here))
	p.sameRecord(st, known(here))
}

func importAllOrNothing(p *probe) {
	st := p.portable(crm)
	p.apply(st, known(ann()))
	before := p.dossiers(st, store.Key{})
	good := store.Dossier{Key: numbered("telegram", 1), Record: known(numbered("telegram", 1))}
	news := store.Dossier{Key: ann(), Forgotten: true}
	for _, bad := range []store.Dossier{
		{}, {Key: store.Key{Channel: "telegram"}, Forgotten: true},
		{Key: numbered("telegram", 2), Record: known(numbered("telegram", 3))},
	} {
		p.errorIs(fmt.Sprintf("Import of %s", asJSON(bad)), st.Import(p.ctx, []store.Dossier{good, news, bad}), store.ErrInvalid)
		p.sameDossiers("after an Import that was refused", p.dossiers(st, store.Key{}), before)
	}
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	p.errorIs("Import with a cancelled context", st.Import(ctx, []store.Dossier{good, news}), context.Canceled)
	p.sameDossiers("after an Import that was cancelled", p.dossiers(st, store.Key{}), before)
	var err error
	for _, err = range st.Dossiers(ctx, store.Key{}) {
	}
	p.errorIs("Dossiers with a cancelled context", err, context.Canceled)
}

func portableClosed(p *probe) {
	st := p.portable()
	closer, ok := st.(io.Closer)
	if !ok {
		p.skip("the store has no Close")
	}
	p.apply(st, known(ann()))
	if err := closer.Close(); err != nil {
		p.failf("Close: %v", err)
	}
	p.errorIs("Import after Close", st.Import(p.ctx, []store.Dossier{{Key: ann(), Forgotten: true}}), store.ErrClosed)
	var err error
	for _, err = range st.Dossiers(p.ctx, store.Key{}) {
	}
	p.errorIs("Dossiers after Close", err, store.ErrClosed)
}

func importDurable(p *probe) {
	if p.reopen == nil {
		p.skip("without storetest.Reopen")
	}
	src, dst := p.portable(crm, desk), p.portable(crm, desk) // the last one is what reopen knows
	p.aDay(src)
	p.importAll(dst, p.dossiers(src, store.Key{})...)
	want := p.dossiers(dst, store.Key{})
	dst = p.asPortable(p.reopen(dst))
	p.sameDossiers("after reopening", p.dossiers(dst, store.Key{}), want)
}
