package backendtest

import (
	"errors"
	"maps"
	"slices"

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
		_, was := p.Holds(a.key) // keys occur in several pairs
		if was && p.different(a) != "" {
			p.failf("%q was delivered, and is %s", a.key, p.different(a))
		}
		for _, w := range []*person{a, b} {
			p.deliverOrRefuse(w)
		}
		for _, w := range []*person{a, b} {
			if _, ok := p.Holds(w.key); ok {
				p.sameThere(w)
			}
		}
	}
	for _, id := range []string{"42", "43"} {
		p.deliver(newPerson(store.Key{Channel: "telegram", UserID: id}))
		p.deliver(newPerson(store.Key{Channel: "discord", UserID: id}))
	}
	p.sameThere(plain)
}

// deliverOrRefuse wants the person to be there as they are, or to be refused for
// good with nothing wrong there.
func (p *probe) deliverOrRefuse(w *person) (delivered bool) {
	ctx, cancel := p.within()
	defer cancel()
	err := p.try(ctx, w)
	if err == nil {
		p.sameThere(w)
		return true
	}
	if !errors.Is(err, store.ErrInvalid) {
		p.failf("Deliver %s: the error is %v; it must wrap %q, or the service take the person", w.key, err, store.ErrInvalid)
	}
	held, _ := p.Holds(w.key)
	profile := w.profile()
	for _, f := range p.tried() {
		if held[f] != "" && held[f] != profile.Value(f) {
			p.failf("%s was refused, and yet the service holds the %s %.80q, which is not theirs", w.key, f, held[f])
		}
	}
	return false
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
		maps.Copy(all.values, fits)
		if p.deliverOrRefuse(all) {
			arrived++
			continue
		}
		one := 0
		for f, value := range fits {
			w := p.anybody()
			w.values[f] = value
			if p.deliverOrRefuse(w) {
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
	if delivered := p.deliverOrRefuse(w); delivered {
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
