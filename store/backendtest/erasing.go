package backendtest

import (
	"context"
	"net/http"

	"github.com/rollcall-go/rollcall/store"
)

func (p *probe) eraser() store.Eraser {
	e, ok := p.backend.(store.Eraser)
	if !ok {
		p.skip("the backend cannot erase: it is no store.Eraser")
	}
	return e
}

// erase wants somebody to be gone.
func (p *probe) erase(w *person, remote string) {
	_, there := p.Holds(w.key)
	ctx, cancel := p.within()
	defer cancel()
	switch err := p.tryErase(ctx, w, remote); {
	case err != nil && !there:
		p.failf("Erase %s, of somebody who is not there: the error is %v; it must be nil", w.key, err)
	case err != nil:
		p.failf("Erase %s: %v", w.key, err)
	}
	w.last = store.Delivery{} // whatever comes after is news
	if _, ok := p.Holds(w.key); ok {
		p.failf("%s was erased, and the service still holds them", w.key)
	}
}

func (p *probe) tryErase(ctx context.Context, w *person, remote string) error {
	e := p.eraser()
	return p.call(ctx, "Erase "+w.key.String(), w, func(ctx context.Context) error { return e.Erase(ctx, w.key, remote) })
}

// back wants somebody who was erased to be made anew.
func (p *probe) back(w *person) {
	w.values = versionOf(w.key, 2)
	delete(w.values, store.FieldMiddleName)
	w.remote, w.known = "", false
	p.deliver(w)
}

func erases(p *probe) {
	p.eraser()
	w, other := p.anybody(), p.anybody()
	p.deliver(w)
	p.deliver(other)
	p.erase(w, w.remote)
	p.count(1)
	p.erase(w, w.remote) // for the second time
	p.erase(w, "")
	p.erase(p.anybody(), "") // nobody ever delivered them
	p.count(1)
	p.back(w)
	p.sameThere(other)
	p.count(2)
}

func erasesUnnoted(p *probe) {
	p.eraser()
	w := p.anybody()
	p.deliver(w)
	p.erase(w, "")

	_, _ = p.under(lost, 0, func(ctx context.Context) error { return p.try(ctx, w) })
	p.erase(w, "")
	p.count(0)
	p.back(w)
	p.count(1)
}

func erasesTruly(p *probe) {
	p.eraser()
	faults := append([]fault{blank(http.StatusTooManyRequests), blank(http.StatusUnauthorized), blank(http.StatusForbidden)}, sick...)
	for _, f := range append(faults, silent...) {
		p.attackErasure(f)
	}
}

// attackErasure erases under a fault. What is reported as done must be done, and
// the next erasure must work.
func (p *probe) attackErasure(f fault) {
	eachPlace(4, func(nth int) (asked, calls int) {
		w := p.anybody()
		p.deliver(w)
		asked, err := p.under(f, nth, func(ctx context.Context) error { return p.tryErase(ctx, w, w.remote) })
		doing := f.at(nth, "an erasure")
		if _, ok := p.Holds(w.key); ok && err == nil {
			p.failf("%s: Erase reports success, and the service still holds the person", doing)
		}
		p.errorIsNot(doing, err, store.ErrInvalid, store.ErrCannotErase)
		return asked, p.requests(func() { p.erase(w, w.remote) })
	})
}

// vanished has the person removed behind the back of the middleware, which goes
// on as if they were there.
func vanished(p *probe) {
	p.eraser()
	w, other := p.anybody(), p.anybody()
	p.deliver(other)
	p.deliver(w)
	p.erase(w, w.remote)
	field := p.changing(w)
	w.set(field, 1)
	ctx, cancel := p.within()
	defer cancel()
	if err := p.try(ctx, w, w.named(field)...); err == nil {
		held, ok := p.Holds(w.key)
		if !ok || takes(p.traits, field) && held[field] != w.profile().Value(field) {
			p.failf("%s was removed by hand; the delivery of a change reports success, and the service does not hold it", w.key)
		}
	}
	p.sameThere(other)
	p.deliver(w)
	p.sameThere(other)
	p.count(2)
}
