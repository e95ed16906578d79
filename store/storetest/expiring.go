package storetest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func (p *probe) asExpirer(st store.Store) store.Expirer {
	e, ok := st.(store.Expirer)
	if !ok {
		p.skip("the store is not a store.Expirer")
	}
	return e
}

// expiringOutbox opens an Expirer that remembers what it owes to backends.
func (p *probe) expiringOutbox(backends ...string) (store.Expirer, store.Outbox) {
	st := p.open()
	e, o := p.asExpirer(st), p.asOutbox(st)
	for _, backend := range backends {
		p.enroll(o, backend)
	}
	return e, o
}

// expire wants Expire to erase these keys of all that it is given.
func (p *probe) expire(e store.Expirer, before time.Time, keys, want []store.Key) {
	expired, err := e.Expire(p.ctx, keys, before)
	if err != nil {
		p.failf("Expire of %d keys: %v", len(keys), err)
	}
	if len(expired) != len(keys) {
		p.failf("Expire of %d keys returned %d", len(keys), len(expired))
	}
	var got []store.Key
	for i, gone := range expired {
		if gone {
			got = append(got, keys[i])
		}
	}
	if !slices.Equal(got, want) {
		p.failf("Expire before %s says that it erased\n\t%v\nand should have erased\n\t%v", before.Format(time.RFC3339Nano), got, want)
	}
}

// expiresTheSilent has the limit at after(100).
func expiresTheSilent(p *probe) {
	st := p.asExpirer(p.open())
	limit := after(100)
	var keys, silent []store.Key
	kept := make(map[store.Key]store.Record)
	add := func(old bool, signs func(key store.Key) []store.Record) {
		key := numbered("telegram", len(keys))
		keys = append(keys, key)
		var all store.Record
		for _, sign := range signs(key) {
			all = store.Merge(all, sign)
		}
		p.apply(st, all)
		if old {
			silent = append(silent, key)
		} else {
			kept[key] = all
		}
	}
	name := fields{store.FieldGivenName: "Ann"}
	for _, last := range []time.Time{limit, limit.Add(time.Nanosecond), limit.Add(time.Hour), limit.Add(time.Second - 1)} {
		add(false, func(key store.Key) []store.Record {
			return []store.Record{observed(key, after(0), name), observed(key, last, nil)}
		})
		add(false, func(key store.Key) []store.Record {
			return []store.Record{observed(key, after(0), name), declared(key, last, fields{store.FieldEmail: "ann@example.org"})}
		})
		add(false, func(key store.Key) []store.Record {
			return []store.Record{observed(key, after(0), name), pinned(key, last, fields{store.FieldBio: ""})}
		})
		add(false, func(key store.Key) []store.Record { return []store.Record{declared(key, last, name)} })
	}
	for _, last := range []time.Time{limit.Add(-time.Second), limit.Add(-time.Hour), time.Unix(0, 0)} {
		add(true, func(key store.Key) []store.Record { return []store.Record{observed(key, last, name)} })
		add(true, func(key store.Key) []store.Record {
			return []store.Record{observed(key, last, name), declared(key, last.Add(-time.Minute), fields{store.FieldEmail: "ann@example.org"})}
		})
		add(true, func(key store.Key) []store.Record { return []store.Record{pinned(key, last, name)} })
	}
	tombstone, stranger := numbered("discord", 1), numbered("discord", 2)
	p.forget(st, tombstone, true)

	asked := append(slices.Clone(keys), tombstone, stranger, keys[0], silent[0])
	p.rand.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
	var want []store.Key
	for _, key := range asked {
		if slices.Contains(silent, key) && !slices.Contains(want, key) {
			want = append(want, key)
		}
	}
	p.expire(st, time.Unix(-1, 0), asked, nil)
	p.expire(st, limit.In(time.FixedZone("", 7200)), asked, want)
	for _, key := range silent {
		p.unknown(st, key)
	}
	for _, r := range kept {
		p.sameRecord(st, r)
	}
	p.suppressed(st, tombstone)
	p.unknown(st, stranger)
	p.expire(st, limit, asked, nil)
	p.expire(st, limit, nil, nil)
}

func expiryErases(p *probe) {
	st := p.asExpirer(p.open())
	other := known(numbered("telegram", 1))
	p.apply(st, known(ann()), other)
	p.expire(st, after(9), []store.Key{ann()}, []store.Key{ann()})
	p.unknown(st, ann())
	p.samePeople("List after Expire", p.list(st, store.Filter{}), []store.Profile{other.Profile()})
	p.samePeople("a search after Expire", p.list(st, store.Filter{Search: "ann"}), []store.Profile{other.Profile()})
	p.sameRecord(st, other)

	back := observed(ann(), after(9), fields{store.FieldGivenName: "Ann"})
	if c := p.apply(st, back)[0]; !c.Created || c.Suppressed {
		p.failf("the first delta of somebody who expired is %s", asJSON(c))
	}
	p.sameRecord(st, back)
}

// expiryLosesNobody has people come back while they are being erased.
func expiryLosesNobody(p *probe) {
	st := p.asExpirer(p.open())
	const people, rounds, sweeps = 20, 5, 3
	keys := make([]store.Key, people)
	for i := range keys {
		keys[i] = numbered("telegram", i)
	}
	all := p.racers(st, 4)
	for round := range rounds {
		limit := after(1000 * (round + 1))
		old := make([]store.Record, people)
		for i, key := range keys {
			old[i] = observed(key, limit.Add(-time.Minute), fields{store.FieldFamilyName: "Old"})
		}
		p.apply(st, old...)
		var wg sync.WaitGroup
		failures := make(chan error, people+sweeps)
		wg.Go(func() {
			for range sweeps {
				_, err := all[0].Expire(p.ctx, keys, limit)
				failures <- err
			}
		})
		for i, key := range keys {
			wg.Go(func() {
				_, err := all[i%len(all)].Apply(p.ctx, []store.Record{observed(key, limit, fields{store.FieldGivenName: fmt.Sprint("back ", round)})})
				failures <- err
			})
		}
		go func() {
			wg.Wait()
			close(failures)
		}()
		for err := range failures {
			if err != nil {
				p.failf("Apply beside Expire: %v", err)
			}
		}
		for _, key := range keys {
			if r := p.get(st, key); r.SilentSince(limit) || r.Profile().GivenName != fmt.Sprint("back ", round) {
				p.failf("%s came back while Expire ran, and is kept as %s", key, show(r))
			}
		}
	}
}

func expiryOwesErasure(p *probe) {
	e, o := p.expiringOutbox(crm, desk)
	gone, stays := numbered("telegram", 1), numbered("telegram", 2)
	p.apply(o, known(gone), observed(stays, after(100), nil))
	p.deliver(o, store.VerdictDelivered)
	p.apply(o, known(ann())) // is owed, and nobody has her
	keys := []store.Key{ann(), gone, stays}
	p.expire(e, after(50), keys, keys[:2])
	for _, backend := range []string{crm, desk} {
		if s := p.standing(o, backend, ann()); s.State != "" {
			p.failf("an erasure is owed to %s, which never got %s: %+v", backend, ann(), s)
		}
	}
	if s := p.standing(o, desk, gone); s.State != "" {
		p.failf("an erasure is owed to %s, which never got %s: %+v", desk, gone, s)
	}
	p.state(o, stays, store.StateDelivered)
	p.stands(o, "after Expire", store.Standing{
		Backend: crm, Key: gone, State: store.StateOwed, Version: 2, Erase: true, Touched: true, Remote: "remote of " + gone.UserID,
	})

	c := p.claimOne(o, gone, long)
	if !c.Standing.Erase || !c.Record.Key.IsZero() {
		p.failf("with the erasure %+v of somebody who expired comes %s", c.Standing, show(c.Record))
	}
	p.settle(o, settlement(c, store.VerdictErased))
	p.state(o, gone, store.StateErased)
	p.expire(e, after(50), keys, nil)
	p.state(o, gone, store.StateErased)

	p.apply(o, observed(gone, after(200), nil))
	c = p.claimOne(o, gone, long)
	if c.Standing.Erase || !c.Standing.All || c.Standing.Remote != "" {
		p.failf("of somebody who came back after they had expired, owed is %+v", c.Standing)
	}
}

func expiryAllOrNothing(p *probe) {
	st := p.asExpirer(p.open())
	p.apply(st, known(ann()))
	_, err := st.Expire(p.ctx, []store.Key{ann(), {Channel: "telegram"}}, after(50))
	p.errorIs("Expire with a malformed key", err, store.ErrInvalid)
	p.sameRecord(st, known(ann()))
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	_, err = st.Expire(ctx, []store.Key{ann()}, after(50))
	p.errorIs("Expire with a cancelled context", err, context.Canceled)
	p.sameRecord(st, known(ann()))

	many := make([]store.Record, 500)
	keys := make([]store.Key, len(many))
	for i := range many {
		keys[i] = numbered("discord", i)
		many[i] = observed(keys[i], after(i%2*100), fields{store.FieldGivenName: fmt.Sprint("n", i)})
	}
	p.apply(st, many...)
	var want []store.Key
	for i := 0; i < len(keys); i += 2 {
		want = append(want, keys[i])
	}
	p.expire(st, after(50), keys, want)
	if left := len(p.list(st, store.Filter{Channel: "discord"})); left != len(many)/2 {
		p.failf("after Expire of %d people, half of them silent, %d are there", len(many), left)
	}
}

func expiryClosed(p *probe) {
	st := p.asExpirer(p.open())
	closer, ok := st.(io.Closer)
	if !ok {
		p.skip("the store has no Close")
	}
	if err := closer.Close(); err != nil {
		p.failf("Close: %v", err)
	}
	_, err := st.Expire(p.ctx, []store.Key{ann()}, after(50))
	p.errorIs("Expire after Close", err, store.ErrClosed)
	_, err = st.Expire(p.ctx, nil, after(50))
	p.errorIs("an empty Expire after Close", err, store.ErrClosed)
}

func expiryDurable(p *probe) {
	if p.reopen == nil {
		p.skip("without storetest.Reopen")
	}
	e, o := p.expiringOutbox(crm)
	stays := numbered("telegram", 2)
	p.apply(e, known(ann()), observed(stays, after(100), nil))
	p.deliver(o, store.VerdictDelivered)
	p.expire(e, after(50), []store.Key{ann(), stays}, []store.Key{ann()})
	st := p.reopen(e)
	p.unknown(st, ann())
	p.get(st, stays)
	if s := p.state(p.asOutbox(st), ann(), store.StateOwed); !s.Erase {
		p.failf("after reopening, the erasure is not owed: %+v", s)
	}
}
