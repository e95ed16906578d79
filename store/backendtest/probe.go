package backendtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A probe is what a property asks a backend through. Its methods end the
// property with the first thing that is wrong.
type probe struct {
	Fixture
	ctx      context.Context
	rand     *rand.Rand
	patience time.Duration // how long a call is waited for after its ctx ended

	service *injector
	backend store.Backend
	traits  store.Traits
	people  int
	changes int64

	random    bool // something was left to chance
	uncounted bool // Count was wanted, and there is none
}

func (p *probe) start() {
	switch {
	case p.Fixture.Backend == nil:
		p.giveUp("Fixture.Backend is nil")
	case p.Double == nil:
		p.giveUp("Fixture.Double is nil")
	case p.Holds == nil:
		p.giveUp("Fixture.Holds is nil")
	}
	p.service = serve(p.Double)
	b, err := p.Backend(p.service.URL())
	switch v := reflect.ValueOf(b); {
	case err != nil:
		p.service.Close()
		p.giveUp("Fixture.Backend: %v", err)
	case b == nil, v.Kind() == reflect.Pointer && v.IsNil():
		p.service.Close()
		p.giveUp("Fixture.Backend returns neither a backend nor an error")
	}
	p.backend, p.traits = b, b.Traits()
}

func (p *probe) stop() { p.service.Close() }

func (p *probe) failf(format string, args ...any) {
	panic(result{problem: fmt.Sprintf(format, args...)})
}

// giveUp is failf for what no property can hold with.
func (p *probe) giveUp(format string, args ...any) {
	panic(result{problem: fmt.Sprintf(format, args...), reason: "without that nothing else can be tried, and nothing else was", fatal: true})
}

// intN returns a random number from 0 up to n.
func (p *probe) intN(n int) int {
	p.random = true
	return p.rand.IntN(n)
}

func (p *probe) skip(why string) { panic(result{skipped: why}) }

// anybody returns a person whom nobody delivered yet.
func (p *probe) anybody() *person {
	p.people++
	return newPerson(store.Key{Channel: p.channel(), UserID: fmt.Sprint(1000 + p.people)})
}

// channel returns the one whose people are delivered.
func (p *probe) channel() string { return cmp.Or(p.Channel, "telegram") }

// delivery is what the middleware hands to the backend. Its Version is that of the
// one before only where that is made again.
func (p *probe) delivery(w *person, changed ...store.Field) store.Delivery {
	if !isServed(p.traits, w.key) {
		p.failf("Traits.Serves is false for %s; Fixture.Channel names one that the backend is for", w.key)
	}
	d := w.delivery(p.traits, changed...)
	if !reflect.DeepEqual(d.Profile, w.last.Profile) || !slices.Equal(d.Fields, w.last.Fields) {
		p.changes++
		w.last = d
		w.last.Version = p.changes
	}
	d.Version = w.last.Version
	return d
}

// tried returns the fields that are tried: those that are taken, and of nicks
// and custom fields one each.
func (p *probe) tried() []store.Field {
	fields := append(store.Fields(), store.NickField("1001"), store.CustomKey("tier"))
	return slices.DeleteFunc(fields, func(f store.Field) bool { return !takes(p.traits, f) })
}

// try makes one delivery, as the middleware would, and returns the backend's
// error, whose text it has searched. The person's remote is kept.
func (p *probe) try(ctx context.Context, w *person, changed ...store.Field) error {
	_, err := p.attempt(ctx, w, changed...)
	return err
}

func (p *probe) attempt(ctx context.Context, w *person, changed ...store.Field) (store.Receipt, error) {
	d := p.delivery(w, changed...)
	if len(d.Fields) == 0 && !d.All {
		p.skip("the backend takes none of the fields of this property")
	}
	w.known = true
	var receipt store.Receipt
	err := p.call(ctx, "Deliver "+w.key.String(), w, func(ctx context.Context) (err error) {
		receipt, err = p.receive(ctx, d)
		return err
	})
	if receipt.Remote != "" { // kept beside errors as well
		w.remote = receipt.Remote
	}
	switch {
	case len(receipt.Remote) > 512:
		p.failf("Deliver %s: Receipt.Remote has %d bytes; 512 are kept", w.key, len(receipt.Remote))
	case receipt.Refused != nil && !errors.Is(err, store.ErrInvalid):
		p.failf("Deliver %s: Receipt.Refused names %v beside the error %v; it goes with one that wraps %q alone",
			w.key, receipt.Refused, err, store.ErrInvalid)
	}
	return receipt, err
}

// receive makes one delivery in the way that the middleware would.
func (p *probe) receive(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	batcher, ok := p.backend.(store.Batcher)
	if !ok || p.traits.Batch < 2 {
		return p.backend.Deliver(ctx, d)
	}
	results := batcher.DeliverBatch(ctx, []store.Delivery{d})
	if len(results) != 1 {
		return store.Receipt{}, fmt.Errorf("DeliverBatch of 1 returned %d results", len(results))
	}
	return results[0].Receipt, results[0].Err
}

// call waits for one call of the backend, and no longer than a backend that
// heeds ctx takes.
func (p *probe) call(ctx context.Context, doing string, w *person, f func(ctx context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(p.patience):
			p.failf("%s: it has not returned %s after its ctx ended", doing, p.patience)
		}
	}
	p.searchError(doing, err, w)
	return err
}

// within returns a ctx that is long enough for whatever is not to time out.
func (p *probe) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, time.Minute)
}

// deliver wants one delivery to succeed, and the service to hold the person.
func (p *probe) deliver(w *person, changed ...store.Field) {
	p.accept(w, changed...)
	p.sameThere(w)
}

func (p *probe) accept(w *person, changed ...store.Field) {
	ctx, cancel := p.within()
	defer cancel()
	if err := p.try(ctx, w, changed...); err != nil {
		p.failf("Deliver %s, %s: %v", w.key, names(changed), err)
	}
}

// sameThere wants the service to hold this person as they are.
func (p *probe) sameThere(w *person) {
	if problem := p.different(w); problem != "" {
		p.failf("%s", problem)
	}
}

// different says what the service holds otherwise than it should.
func (p *probe) different(w *person) string {
	held, ok := p.Holds(w.key)
	if !ok {
		return fmt.Sprintf("the service holds nobody as %s", w.key)
	}
	profile := w.profile()
	for _, f := range p.tried() {
		got, want := held[f], profile.Value(f)
		if got == want || want == "" && p.traits.CannotClear {
			continue
		}
		return fmt.Sprintf("of %s the service holds the %s %.80q and should hold %.80q", w.key, f, got, want)
	}
	return ""
}

// count wants so many people to be there.
func (p *probe) count(want int) {
	if p.Count == nil {
		p.uncounted = true
		return
	}
	if got := p.Count(); got != want {
		p.failf("the service holds %d people and should hold %d", got, want)
	}
}

// errorIs wants err to wrap each of targets.
func (p *probe) errorIs(doing string, err error, targets ...error) {
	for _, target := range targets {
		if !errors.Is(err, target) {
			p.failf("%s: the error is %v; it must wrap %q", doing, err, target)
		}
	}
}

// errorIsNot wants err to wrap none of targets.
func (p *probe) errorIsNot(doing string, err error, targets ...error) {
	for _, target := range targets {
		if errors.Is(err, target) {
			p.failf("%s: the error is %v; it must not wrap %q", doing, err, target)
		}
	}
}

// searchError looks in the text of err for what must not be there. w may be nil.
func (p *probe) searchError(doing string, err error, w *person) {
	if err == nil {
		return
	}
	leak := func(what string) {
		panic(result{
			problem: fmt.Sprintf("%s: the text of the error holds %s", doing, what),
			reason:  "errors are logged and kept with dead letters, and read by people who must not know",
		})
	}
	text := fmt.Sprintf("%s %+v", err, err)
	for _, secret := range p.Secrets {
		if strings.Contains(text, secret) {
			leak("a secret")
		}
	}
	if w != nil {
		profile := w.profile()
		for _, f := range profile.Stated() {
			v := profile.Value(f)
			if telling(v) && !strings.Contains(w.key.String(), v) && strings.Contains(text, v) {
				leak("the " + string(f))
			}
		}
	}
	for _, u := range p.service.Asked() {
		for what, part := range map[string]string{"the path": u.Path, "the escaped path": u.EscapedPath(), "the query": u.RawQuery} {
			if len(part) > 1 && strings.Contains(text, part) {
				leak(what + " of a request")
			}
		}
	}
	if strings.Contains(text, "://") {
		leak("a URL")
	}
}

// telling reports whether v is found in a text only where somebody put it.
func telling(v string) bool {
	return len(v) >= 8 && strings.ContainsFunc(v, func(r rune) bool { return r < 'a' || r > 'z' })
}

func names(fields []store.Field) string {
	if len(fields) == 0 {
		return "all fields"
	}
	return fmt.Sprint(fields)
}
