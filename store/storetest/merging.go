package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/rollcall-go/rollcall/store"
)

func createdOnce(p *probe) {
	st := p.open()
	if c := p.apply(st, declared(ann(), after(0), fields{store.FieldEmail: "ann@example.org"}))[0]; c.Created {
		p.failf("a person who was stated by hand and never seen is reported as Created")
	}
	for i, want := range []bool{true, false, false} {
		if c := p.apply(st, observed(ann(), after(i), fields{store.FieldGivenName: "Ann"}))[0]; c.Created != want {
			p.failf("observation %d of a person has Created %t", i+1, c.Created)
		}
	}
}

func createdOnceInARace(p *probe) {
	st := p.open()
	const people, racers = 5, 4
	all := p.racers(st, racers)
	for n := range people {
		key := numbered("telegram", n)
		created := make([]bool, racers)
		errs := make([]error, racers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range racers {
			d := observed(key, after(i), fields{store.FieldGivenName: fmt.Sprintf("Ann %d", i), store.NickField(fmt.Sprint(i)): "x"})
			wg.Go(func() {
				<-start
				changes, err := all[i].Apply(p.ctx, []store.Record{d})
				errs[i] = err
				created[i] = err == nil && len(changes) == 1 && changes[0].Created
			})
		}
		close(start)
		wg.Wait()
		times := 0
		for i := range racers {
			if errs[i] != nil {
				p.failf("Apply beside others: %v", errs[i])
			}
			if created[i] {
				times++
			}
		}
		if times != 1 {
			p.failf("%d of %d concurrent deltas of one new person are reported as Created", times, racers)
		}
		if got := p.profile(st, key); len(got.Nicks) != racers || got.GivenName != fmt.Sprintf("Ann %d", racers-1) {
			p.failf("after %d concurrent deltas the profile is %s: one of them was lost", racers, asJSON(got))
		}
	}
}

func absentKeeps(p *probe) {
	st := p.open()
	p.apply(st, observed(ann(), after(0), fields{store.FieldGivenName: "Ann", store.FieldFamilyName: "Lee", store.NickField("1"): "n"}))
	p.apply(st, observed(ann(), after(1), fields{store.FieldGivenName: "Anna"}))
	if got := p.profile(st, ann()); got.FamilyName != "Lee" || got.Nicks["1"] != "n" {
		p.failf("a delta that says nothing of family_name and a nick left %s", asJSON(got))
	}
}

func setReplaces(p *probe) {
	st := p.open()
	for i, name := range []string{"Ann", "Anna", "Ann"} {
		p.apply(st, observed(ann(), after(i), fields{store.FieldGivenName: name}))
		if got := p.profile(st, ann()); got.GivenName != name {
			p.failf("given_name is %q after it was set to %q", got.GivenName, name)
		}
	}
}

func clearClears(p *probe) {
	st := p.open()
	p.apply(st, observed(ann(), after(1), fields{store.FieldFamilyName: "Lee", store.NickField("1"): "n", store.FieldIsPremium: "true"}))
	p.apply(st, observed(ann(), after(2), fields{store.FieldFamilyName: "", store.NickField("1"): "", store.FieldIsPremium: ""}))
	p.apply(st, observed(ann(), after(0), fields{store.FieldFamilyName: "Old", store.NickField("1"): "old"}))
	if got := p.profile(st, ann()); got.FamilyName != "" || len(got.Nicks) != 0 || got.IsPremium {
		p.failf("what was cleared, and said again only by an older delta, is there: %s", asJSON(got))
	}
}

func sourcesAreRanked(p *probe) {
	st := p.open()
	f := store.FieldNickname
	for _, step := range []struct {
		delta store.Record
		want  string
	}{
		{pinned(ann(), after(0), fields{f: "pinned"}), "pinned"},
		{declared(ann(), after(1), fields{f: "declared"}), "pinned"},
		{observed(ann(), after(2), fields{f: "observed", store.FieldUsername: "ann"}), "pinned"},
		{pinned(ann(), after(3), fields{f: ""}), "declared"},
		{declared(ann(), after(4), fields{f: ""}), "observed"},
		{observed(ann(), after(5), fields{f: ""}), ""},
	} {
		p.apply(st, step.delta)
		if got := p.profile(st, ann()); got.Nickname != step.want {
			p.failf("nickname is %q and should be %q after %s", got.Nickname, step.want, show(step.delta))
		}
	}
	if got := p.profile(st, ann()); got.Username != "ann" {
		p.failf("username, which nobody pinned, is %q", got.Username)
	}
}

func orderDoesNotMatter(p *probe) {
	st := p.open()
	want := make(map[store.Key]store.Record)
	var deltas []store.Record
	for n := range 4 {
		key := numbered("telegram", n)
		for range 12 {
			d := randomDelta(p.rand, key)
			want[key] = store.Merge(want[key], d)
			deltas = append(deltas, d)
		}
	}
	deltas = append(deltas, deltas[:len(deltas)/2]...)
	p.rand.Shuffle(len(deltas), func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
	for len(deltas) > 0 {
		n := min(1+p.rand.IntN(6), len(deltas))
		p.apply(st, deltas[:n]...)
		deltas = deltas[n:]
	}
	for _, r := range want {
		p.sameRecord(st, r)
	}
}

// mergesInARace does in several orders at once what orderDoesNotMatter does in one.
func mergesInARace(p *probe) {
	st := p.open()
	owes := false
	if o, ok := st.(store.Outbox); ok {
		p.enroll(o, crm)
		owes = true
	}
	const people, racers = 8, 4
	want := make(map[store.Key]store.Record)
	var deltas []store.Record
	for n := range people {
		key := numbered("telegram", n)
		for range 20 {
			d := randomDelta(p.rand, key)
			want[key] = store.Merge(want[key], d)
			deltas = append(deltas, d)
		}
	}
	p.rand.Shuffle(len(deltas), func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
	errs := make([]error, racers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, r := range p.racers(st, racers) {
		var own []store.Record // most come once: what is lost must not be said again
		for n, d := range deltas {
			if n%racers == i || n%(5*racers) == (i+1)%racers {
				own = append(own, d)
			}
		}
		wg.Go(func() {
			<-start
			for batch := range slices.Chunk(own, 2+i) {
				if errs[i] = applyPatiently(p.ctx, r, batch); errs[i] != nil {
					return
				}
			}
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			p.failf("Apply beside others: %v", err)
		}
	}
	for key, r := range want {
		p.sameRecord(st, r)
		if owes {
			p.state(st.(store.Outbox), key, store.StateOwed)
		}
	}
	p.figure = fmt.Sprintf("%d changes of %d people by %d at once", len(deltas), people, racers)
}

// applyPatiently tries again where others are in the way, as the middleware does.
func applyPatiently(ctx context.Context, r racer, deltas []store.Record) (err error) {
	for range 100 {
		if _, err = r.Apply(ctx, deltas); !errors.Is(err, store.ErrUnavailable) {
			return err
		}
	}
	return err
}

func changesAreTrue(p *probe) {
	st := p.open()
	kept := make(map[store.Key]store.Record)
	for range 60 {
		d := randomDelta(p.rand, numbered("telegram", p.rand.IntN(3)))
		var want store.Change
		kept[d.Key], want = kept[d.Key].Apply(d)
		p.sameChange("Apply "+show(d), p.apply(st, d)[0], want)
	}
}

func repeatedKeys(p *probe) {
	st := p.open()
	kept := make(map[store.Key]store.Record)
	for range 5 {
		var deltas []store.Record
		var want []store.Change
		for range 12 {
			d := randomDelta(p.rand, numbered("telegram", p.rand.IntN(3)))
			var c store.Change
			kept[d.Key], c = kept[d.Key].Apply(d)
			deltas, want = append(deltas, d), append(want, c)
		}
		for i, c := range p.apply(st, deltas...) {
			p.sameChange(fmt.Sprintf("delta %d of a batch, %s", i, show(deltas[i])), c, want[i])
		}
	}
	for _, r := range kept {
		p.sameRecord(st, r)
	}
}

func allOrNothing(p *probe) {
	st := p.open()
	old := observed(ann(), after(0), fields{store.FieldGivenName: "Ann"})
	p.apply(st, old)
	stranger := numbered("discord", 1)
	changes, err := st.Apply(p.ctx, []store.Record{
		observed(ann(), after(1), fields{store.FieldGivenName: "Changed"}),
		observed(stranger, after(1), nil),
		observed(store.Key{Channel: "telegram"}, after(1), nil),
		observed(numbered("discord", 2), after(1), nil),
	})
	p.errorIs("Apply of a batch with a malformed key", err, store.ErrInvalid)
	if len(changes) != 0 {
		p.failf("Apply returned an error and %d changes", len(changes))
	}
	p.sameRecord(st, old)
	p.unknown(st, stranger)
	p.unknown(st, numbered("discord", 2))
}

func emptyBatch(p *probe) {
	st := p.open()
	p.apply(st)
	if people := p.list(st, store.Filter{}); len(people) != 0 {
		p.failf("a new store holds %d people", len(people))
	}
}

func fullBatch(p *probe) {
	st := p.open()
	const size = 500
	deltas := make([]store.Record, size)
	for i := range deltas {
		deltas[i] = observed(numbered("telegram", i), after(i), fields{store.FieldGivenName: fmt.Sprint("Ann ", i)})
	}
	p.rand.Shuffle(size, func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
	for i, c := range p.apply(st, deltas...) {
		if !c.Created || c.Profile.Key != deltas[i].Key {
			p.failf("change %d tells of %s, Created %t; delta %d was the first of %s", i, c.Profile.Key, c.Created, i, deltas[i].Key)
		}
	}
	slices.SortFunc(deltas, func(a, b store.Record) int { return a.Key.Compare(b.Key) })
	want := make([]store.Profile, size)
	for i, d := range deltas {
		want[i] = d.Profile()
	}
	p.samePeople("List after a batch of 500", p.list(st, store.Filter{}), want)
}

func cancelledChangesNothing(p *probe) {
	st := p.open()
	old := observed(ann(), after(0), fields{store.FieldGivenName: "Ann"})
	gone := numbered("telegram", 7)
	p.apply(st, old)
	p.forget(st, gone, true)
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	_, err := st.Apply(ctx, []store.Record{observed(ann(), after(1), fields{store.FieldGivenName: "Changed"})})
	p.errorIs("Apply with a cancelled context", err, context.Canceled)
	p.errorIs("Forget with a cancelled context", st.Forget(ctx, ann(), true), context.Canceled)
	p.errorIs("Readmit with a cancelled context", st.Readmit(ctx, gone), context.Canceled)
	_, err = st.Get(ctx, ann())
	p.errorIs("Get with a cancelled context", err, context.Canceled)
	p.sameRecord(st, old)
	_, err = st.Get(p.ctx, gone)
	p.errorIs("Get after a cancelled Readmit", err, store.ErrSuppressed)
}
