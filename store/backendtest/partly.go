package backendtest

import (
	"slices"

	"github.com/rollcall-go/rollcall/store"
)

// refusedFields delivers people of whom the service will not take a part.
func refusedFields(p *probe) {
	if p.Undefined == "" && p.Occupy == nil {
		p.skip("the fixture has neither Undefined nor Occupy: nobody is refused in part")
	}
	if p.Undefined != "" {
		w := p.anybody()
		w.values[p.Undefined] = `"a value that has no place there"`
		p.inPart(w)
	}
	if p.Occupy != nil {
		w := p.anybody()
		p.Occupy(w.key)
		p.inPart(w)
	}
}

// inPart delivers somebody and, where that is refused in part, goes on as the
// middleware does: the next change is delivered with what was refused.
func (p *probe) inPart(w *person) {
	before, _ := p.Holds(w.key)
	delivered, refused := p.deliverOrRefuse(w)
	if delivered {
		return
	}
	if refused == nil {
		held, _ := p.Holds(w.key)
		for _, f := range p.tried() {
			if held[f] != before[f] {
				p.failf("%s was refused, Receipt.Refused is nil, and yet the %s has arrived", w.key, f)
			}
		}
		return
	}
	for _, f := range changeable(w.key) {
		if takes(p.traits, f) && !slices.Contains(refused, f) {
			w.change(f)
			p.deliverOrRefuse(w, append(w.named(f), refused...)...)
			return
		}
	}
}

// restThere wants the service to hold all of the person but for the fields that
// were refused, and nothing of those.
func (p *probe) restThere(w *person, refused []store.Field) {
	profile := w.profile()
	stated := profile.Stated()
	for _, f := range refused {
		if !takes(p.traits, f) {
			p.failf("Receipt.Refused names %q, which the backend does not take", f)
		}
	}
	held, ok := p.Holds(w.key)
	if !ok {
		p.failf("of %s only %v was refused, and the service holds nobody", w.key, refused)
	}
	if u := p.Undefined; slices.Contains(stated, u) && held[u] == "" && !slices.Contains(refused, u) {
		p.failf("Receipt.Refused does not name %s, which has no place in the service", u)
	}
	for _, f := range p.tried() {
		got, want := held[f], profile.Value(f)
		switch named := slices.Contains(refused, f); {
		case want == "" && (named || p.traits.CannotClear):
		case named && got == want:
			p.failf("Receipt.Refused names the %s, which the service holds", f)
		case !named && got != want:
			p.failf("of %s only %v was refused, and the service holds the %s %.80q, not %.80q", w.key, refused, f, got, want)
		}
	}
}
