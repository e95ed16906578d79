package backendtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/rollcall-go/rollcall/store"
)

func usable(p *probe) {
	if err := store.ValidateBackend(p.backend); err != nil {
		p.failf("ValidateBackend: %v", err)
	}
	again, err := p.Backend(p.service.URL())
	if err != nil {
		p.failf("Fixture.Backend for the second time: %v", err)
	}
	if a, b := p.backend.Name(), again.Name(); a != b {
		p.failf("made twice the same way, its name is %q and then %q", a, b)
	}
	first := p.tried()
	if len(first) == 0 {
		p.failf("its Traits take no field at all")
	}
	w := p.anybody()
	ctx, cancel := p.within()
	defer cancel()
	switch err := p.try(ctx, w); {
	case errors.Is(err, store.ErrDenied):
		p.giveUp("the first delivery of somebody: %v; is what Fixture.Backend is given what Fixture.Double lets in?", err)
	case err != nil:
		p.giveUp("the first delivery of somebody: %v", err)
	}
	p.sameThere(w)
	for range 2 {
		t := p.backend.Traits()
		same := t.Replaces == p.traits.Replaces && t.CannotClear == p.traits.CannotClear && t.Batch == p.traits.Batch &&
			t.InFlight == p.traits.InFlight && t.Rate == p.traits.Rate && t.Timeout == p.traits.Timeout
		p.traits = t
		if !same || !slices.Equal(p.tried(), first) {
			p.failf("Traits returns something else than before")
		}
	}
}

func badAddress(p *probe) {
	const canary = "Canary-7c1f"
	for _, address := range []string{"://" + canary, "http://127.0.0.1:port/" + canary, "https://bot:" + canary + "@example.org/%zz"} {
		_, err := p.Backend(address)
		if err == nil {
			p.failf("a base URL that cannot be read is no error")
		}
		p.errorIs("a base URL that cannot be read", err, store.ErrInvalid)
		if strings.Contains(err.Error(), canary) {
			p.failf("the error about a base URL quotes it, with the password that it may hold")
		}
	}
	if _, err := p.Backend("https://bot:" + canary + "@example.org"); err != nil && strings.Contains(err.Error(), canary) {
		p.failf("the error about a base URL with a password quotes it")
	}
}

func creates(p *probe) {
	w := p.anybody()
	if _, ok := p.Holds(w.key); ok {
		p.failf("the service holds %s before anything was delivered", w.key)
	}
	p.deliver(w)
	p.count(1)

	few := p.anybody()
	for f := range few.values {
		if !slices.Contains([]store.Field{store.FieldGivenName, store.FieldUsername}, f) {
			delete(few.values, f)
		}
	}
	p.deliver(few)
	p.sameThere(w)
	p.count(2)
}

// nameless delivers somebody who has none of the fields that the backend takes. To
// make nobody of that is as right as to make somebody, or to refuse them.
func nameless(p *probe) {
	w := p.anybody()
	full := w.values
	w.values = nil
	ctx, cancel := p.within()
	defer cancel()
	err := p.try(ctx, w)
	w.values = full
	if err == nil {
		p.deliver(w, w.profile().Stated()...)
	} else {
		p.errorIs("Deliver of somebody without any field", err, store.ErrInvalid)
		p.deliver(w)
	}
	p.count(1)
}

func sameTwice(p *probe) {
	w := p.anybody()
	p.deliver(w)
	p.deliver(w)
	w.remote = "" // the receipt was lost
	p.deliver(w)
	p.count(1)

	f := p.changing(w)
	w.set(f, 1)
	for range 2 {
		p.deliver(w, w.named(f)...)
	}
	p.count(1)
}

// changing returns a field that is taken and that has several values.
func (p *probe) changing(w *person) store.Field {
	fields := slices.DeleteFunc(changeable(w.key), func(f store.Field) bool {
		return !slices.ContainsFunc(w.named(f), func(f store.Field) bool { return takes(p.traits, f) })
	})
	if len(fields) == 0 {
		p.skip("the backend takes no field that can change")
	}
	return fields[p.intN(len(fields))]
}

// partial has another hand correct one field, and then the person change
// another one. What the middleware knows is still the old value of the first.
func partial(p *probe) {
	if p.traits.Replaces {
		p.skip("the backend replaces the whole person, as its Traits say")
	}
	taken := slices.DeleteFunc(changeable(store.Key{Channel: "telegram", UserID: "1"}), func(f store.Field) bool {
		return !takes(p.traits, f)
	})
	if len(taken) < 2 {
		p.skip("the backend takes fewer than two fields that can change")
	}
	for i, changed := range taken {
		corrected := taken[(i+1)%len(taken)]
		w := p.anybody()
		p.deliver(w)
		if slices.Contains(w.named(changed), corrected) {
			continue
		}
		byHand := &person{key: w.key, values: versionOf(w.key, 0), remote: w.remote, known: true}
		byHand.set(corrected, 2)
		p.accept(byHand, corrected)
		before, _ := p.Holds(w.key)

		w.set(changed, 1)
		p.accept(w, w.named(changed)...)
		after, ok := p.Holds(w.key)
		if !ok {
			p.failf("the service holds nobody as %s after %s changed", w.key, changed)
		}
		for _, f := range p.tried() {
			want := before[f]
			if slices.Contains(w.named(changed), f) {
				want = w.profile().Value(f)
			}
			if after[f] != want {
				p.failf("%v changed, and the service now holds the %s %q in the place of %q", w.named(changed), f, after[f], want)
			}
		}
	}
}

// eachCleared clears the fields one by one, and calls then for each.
func eachCleared(p *probe, then func(w *person, f store.Field)) {
	if p.traits.CannotClear {
		p.skip("the backend cannot clear, as its Traits say")
	}
	for _, f := range p.tried() {
		w := p.anybody()
		if f == store.FieldName {
			w.values[f] = "Full " + w.values[store.FieldGivenName]
		}
		p.deliver(w)
		delete(w.values, f)
		if f == store.FieldName {
			for _, part := range nameParts {
				delete(w.values, part)
			}
			p.deliver(w, append(w.named(f), nameParts...)...)
		} else {
			p.deliver(w, w.named(f)...)
		}
		then(w, f)
	}
}

func clears(p *probe) {
	eachCleared(p, func(w *person, f store.Field) { p.deliver(w, w.named(f)...) })
}

func setsAgain(p *probe) {
	eachCleared(p, func(w *person, f store.Field) {
		cleared := w.named(f)
		if f == store.FieldName {
			cleared = append(cleared, nameParts...)
		}
		w.values = versionOf(w.key, 0)
		p.deliver(w, cleared...)
	})
}

// staysTrue walks at random: fields come, change and go, deliveries are repeated,
// and receipts are lost.
func staysTrue(p *probe) {
	w := p.anybody()
	p.deliver(w)
	fields := slices.Sorted(maps.Keys(versionOf(w.key, 0)))
	for range 60 {
		before := w.profile()
		var changed []store.Field
		for range 1 + p.intN(4) {
			f := fields[p.intN(len(fields))]
			if p.intN(3) == 0 && !p.traits.CannotClear {
				delete(w.values, f)
			} else {
				w.set(f, p.intN(3))
			}
			changed = append(changed, w.named(f)...)
		}
		after := w.profile()
		for _, f := range store.Fields() { // the flag of an email that is back is, too
			if before.Value(f) != after.Value(f) {
				changed = append(changed, f)
			}
		}
		if !slices.ContainsFunc(changed, func(f store.Field) bool { return takes(p.traits, f) }) {
			continue
		}
		if p.intN(5) == 0 {
			w.remote = ""
		}
		for range 1 + p.intN(2) {
			p.deliver(w, changed...)
		}
	}
	p.count(1)
}

func batch(p *probe) {
	batcher, ok := p.backend.(store.Batcher)
	if !ok || p.traits.Batch < 2 {
		p.skip("the backend takes one person a call")
	}
	ctx, cancel := p.within()
	defer cancel()
	crowd := make([]*person, p.traits.Batch)
	for i := range crowd {
		crowd[i] = p.anybody()
	}
	for range 2 {
		ds := make([]store.Delivery, len(crowd))
		for i, w := range crowd {
			ds[i] = p.delivery(w)
		}
		results := batcher.DeliverBatch(ctx, ds)
		if len(results) != len(ds) {
			p.failf("DeliverBatch of %d returned %d results", len(ds), len(results))
		}
		for i, r := range results {
			p.searchError("DeliverBatch", r.Err, crowd[i])
			if r.Err != nil {
				p.failf("DeliverBatch, %s: %v", crowd[i].key, r.Err)
			}
			crowd[i].known, crowd[i].remote = true, r.Receipt.Remote
			p.sameThere(crowd[i])
		}
		for _, w := range crowd {
			w.values = versionOf(w.key, 1)
		}
	}
	p.count(len(crowd))
}

func concurrent(p *probe) {
	crowd := make([]*person, 12)
	for i := range crowd {
		crowd[i] = p.anybody()
	}
	ctx, cancel := p.within()
	defer cancel()
	for version := range 3 {
		errs := make([]error, len(crowd))
		var running sync.WaitGroup
		for i, w := range crowd {
			w.values = versionOf(w.key, version)
			d := p.delivery(w)
			w.known = true
			running.Go(func() { _, errs[i] = p.receive(ctx, d) })
		}
		running.Wait()
		for i, w := range crowd {
			p.searchError("Deliver beside others", errs[i], w)
			if errs[i] != nil {
				p.failf("Deliver %s beside others: %v", w.key, errs[i])
			}
			p.sameThere(w)
		}
	}
	p.count(len(crowd))
}

func cancelled(p *probe) {
	w := p.anybody()
	p.deliver(w)
	w.values = versionOf(w.key, 1)
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	p.service.Inject(passed, 0)
	err := p.try(ctx, w)
	if calls := p.service.Lift(); calls > 0 {
		p.failf("with a ctx that had ended, it made %d requests", calls)
	}
	if err == nil {
		p.failf("with a ctx that had ended, Deliver returned no error")
	}
	p.errorIsNot("with a ctx that had ended", err, store.ErrInvalid, store.ErrDenied)
	p.deliver(w)
}
