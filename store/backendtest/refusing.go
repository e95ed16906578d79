package backendtest

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

func keysApart(p *probe) {
	plain := p.anybody()
	p.deliver(plain)
	for _, pair := range hostile.KeyPairs {
		a, b := newPerson(store.Key(pair[0])), newPerson(store.Key(pair[1]))
		if a.key.Validate() != nil || b.key.Validate() != nil {
			continue
		}
		if !isServed(p.traits, a.key) && a.key.Channel == b.key.Channel {
			a.key.Channel, b.key.Channel = p.channel(), p.channel()
			a, b = newPerson(a.key), newPerson(b.key)
		}
		_, was := p.Holds(a.key) // keys occur in several pairs
		if was && isServed(p.traits, a.key) && p.different(a) != "" {
			p.failf("%q was delivered, and is %s", a.key, p.different(a))
		}
		for _, w := range []*person{a, b} {
			if isServed(p.traits, w.key) {
				p.deliverOrRefuse(w)
			}
		}
		for _, w := range []*person{a, b} {
			if _, ok := p.Holds(w.key); ok && isServed(p.traits, w.key) {
				p.sameThere(w)
			}
		}
	}
	for _, id := range []string{"42", "43"} {
		for _, channel := range []string{"telegram", "discord"} {
			if key := (store.Key{Channel: channel, UserID: id}); isServed(p.traits, key) {
				p.deliver(newPerson(key))
			}
		}
	}
	p.sameThere(plain)
}

// serves asks from several goroutines, of all kinds of people, before and after a
// delivery.
func serves(p *probe) {
	if p.traits.Serves == nil {
		p.skip("the backend is for everybody")
	}
	keys := []store.Key{{Channel: "telegram", UserID: "42"}, {Channel: "discord", UserID: "42"}, {Channel: p.channel(), UserID: "42"}}
	for _, pair := range hostile.KeyPairs {
		keys = append(keys, store.Key(pair[0]), store.Key(pair[1]))
	}
	ask := func(b store.Backend) []bool {
		serves := b.Traits().Serves
		answers := make([]bool, len(keys))
		for i, key := range keys {
			answers[i] = serves(key)
		}
		return answers
	}
	first := ask(p.backend)
	again, err := p.Backend(p.service.URL())
	if err != nil {
		p.failf("Fixture.Backend for the second time: %v", err)
	}
	for _, w := range []*person{p.anybody(), p.anybody()} {
		var answers [3][]bool
		var running sync.WaitGroup
		for i, b := range []store.Backend{p.backend, p.backend, again} {
			running.Go(func() { answers[i] = ask(b) })
		}
		running.Wait()
		for _, a := range answers {
			for i, key := range keys {
				if a[i] != first[i] {
					p.failf("Traits.Serves is %t for %q, and then %t", first[i], key, a[i])
				}
			}
		}
		p.deliver(w)
	}
}

// deliverOrRefuse wants the person to be there as they are, or to be refused for
// good: in part, and then with all else there, or with nothing wrong there.
// refused are the fields of the part.
func (p *probe) deliverOrRefuse(w *person, changed ...store.Field) (delivered bool, refused []store.Field) {
	ctx, cancel := p.within()
	defer cancel()
	r, err := p.attempt(ctx, w, changed...)
	if err == nil {
		p.sameThere(w)
		return true, nil
	}
	if !errors.Is(err, store.ErrInvalid) {
		p.failf("Deliver %s: the error is %v; it must wrap %q, or the service take the person", w.key, err, store.ErrInvalid)
	}
	if r.Refused != nil {
		p.restThere(w, r.Refused)
		return false, r.Refused
	}
	held, _ := p.Holds(w.key)
	profile := w.profile()
	for _, f := range p.tried() {
		if held[f] != "" && held[f] != profile.Value(f) {
			p.failf("%s was refused, and yet the service holds the %s %.80q, which is not theirs", w.key, f, held[f])
		}
	}
	return false, nil
}

func textsExact(p *probe) {
	var textFields []store.Field
	for _, f := range append(store.Fields(), store.NickField("1001")) {
		if v, ok := store.Repair(f, "any text!"); ok && v == "any text!" && takes(p.traits, f) {
			textFields = append(textFields, f)
		}
	}
	if takes(p.traits, store.FieldName) && !slices.Contains(textFields, store.FieldGivenName) {
		textFields = append(textFields, store.FieldGivenName)
	}
	arrived := 0
	for _, text := range hostile.Texts {
		all := p.anybody()
		fits := make(map[store.Field]string)
		for _, f := range textFields {
			if value, ok := store.Repair(f, text); ok && value != "" {
				fits[f] = value
			}
		}
		if len(fits) == 0 { // nothing is left of it
			continue
		}
		maps.Copy(all.values, fits)
		whole, refused := p.deliverOrRefuse(all)
		if whole {
			arrived++
			continue
		}
		if refused != nil { // which tells of each field
			for _, f := range refused {
				delete(fits, f)
			}
			arrived += min(1, len(fits))
			continue
		}
		one := 0
		for f, value := range fits {
			w := p.anybody()
			w.values[f] = value
			if delivered, _ := p.deliverOrRefuse(w); delivered {
				one = 1
			}
		}
		arrived += one
	}
	if len(textFields) > 0 && arrived < len(hostile.Honest) {
		p.failf("of %d texts that people are called by only %d arrive in any field", len(hostile.Texts), arrived)
	}
}

func occupied(p *probe) {
	if p.Occupy == nil {
		p.skip("the fixture has no Occupy: nothing in this service is unique")
	}
	w := p.anybody()
	p.Occupy(w.key)
	before, ok := p.Holds(store.Key{})
	if !ok {
		p.failf("after Fixture.Occupy, Holds of the zero Key must return what the somebody else holds")
	}
	if delivered, _ := p.deliverOrRefuse(w); delivered {
		p.deliver(w)
	}
	after, ok := p.Holds(store.Key{})
	if !ok {
		p.failf("somebody else held what the person needs, and is gone after the delivery")
	}
	for _, f := range p.tried() {
		if before[f] != after[f] {
			p.failf("somebody else held what the person needs, and their %s is now %q in the place of %q", f, after[f], before[f])
		}
	}
	p.deliver(p.anybody())
}

func undefinedCustom(p *probe) {
	if p.Undefined == "" {
		p.skip("the fixture has no Undefined: the backend takes no custom fields")
	}
	w := p.anybody()
	w.values[p.Undefined] = `"a value that has no place there"`
	p.deliverOrRefuse(w)
	p.deliver(p.anybody())
}
