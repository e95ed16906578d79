package backendtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// attack delivers under a fault, to somebody new and to somebody known: once
// with the fault at every request, and then with each request of the delivery in
// turn. A delivery that reports success must be one. An error is judged, and
// after each the next delivery must work.
func (p *probe) attack(f fault, judge func(doing string, err error)) {
	p.eachRequest(func(nth int, w *person, changed ...store.Field) (asked int) {
		doing := f.at(nth, "a delivery")
		asked, err := p.under(f, nth, func(ctx context.Context) error { return p.try(ctx, w, changed...) })
		if err != nil {
			judge(doing, err)
		} else if problem := p.different(w); problem != "" {
			p.failf("%s: Deliver reports success, and %s", doing, problem)
		}
		return asked
	})
	p.count(p.people)
}

// eachRequest calls try for deliveries to somebody new and to somebody known, and
// delivers the same after it. nth and asked are those of eachPlace.
func (p *probe) eachRequest(try func(nth int, w *person, changed ...store.Field) (asked int)) {
	var w *person
	eachPlace(6, func(nth int) (asked, calls int) {
		w = p.anybody()
		asked = try(nth, w)
		return asked, p.requests(func() { p.deliver(w) })
	})
	eachPlace(6, func(nth int) (asked, calls int) {
		field := p.changing(w)
		w.change(field)
		changed := w.named(field)
		asked = try(nth, w, changed...)
		return asked, p.requests(func() { p.deliver(w, changed...) })
	})
}

// eachPlace calls try with 0, for a fault at every request of a call, and then with
// each of its requests up to the one of number most. try returns how many requests
// the call made under the fault, and how many without.
func eachPlace(most int, try func(nth int) (asked, calls int)) {
	asked, calls := try(0)
	first := 1
	if asked == 1 { // with the fault at the first request it would be the same again
		first = 2
	}
	for nth := first; nth <= min(calls, most); nth++ {
		try(nth)
	}
}

// requests returns how many requests call makes.
func (p *probe) requests(call func()) int {
	p.service.Inject(passed, 0)
	call()
	return p.service.Lift()
}

// under calls with a fault in the place of the double, and returns how many
// requests were made.
func (p *probe) under(f fault, nth int, call func(ctx context.Context) error) (asked int, err error) {
	ctx, cancel := p.within()
	defer cancel()
	hit := p.service.Inject(f, nth)
	defer func() { asked = p.service.Lift() }()
	if f.waits {
		late := &lateContext{Context: ctx, done: make(chan struct{})}
		stop := make(chan struct{})
		var waiting sync.WaitGroup
		waiting.Go(func() { late.expire(hit, stop) })
		defer waiting.Wait()
		defer close(stop)
		return 0, call(late)
	}
	return 0, call(ctx)
}

// A lateContext passes its deadline soon after a request got its fault, however
// slow the machine is.
type lateContext struct {
	context.Context
	done chan struct{}
}

func (c *lateContext) expire(hit, stop <-chan struct{}) {
	select {
	case <-hit:
		time.Sleep(5 * time.Millisecond)
		close(c.done)
	case <-stop:
	}
}

func (c *lateContext) Done() <-chan struct{} { return c.done }

func (c *lateContext) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func throttled(p *probe) {
	now := time.Now()
	for _, c := range []struct {
		header      string
		least, most time.Duration
	}{
		{"7", 7 * time.Second, 7 * time.Second},
		{"0", 0, 0},
		{now.Add(4 * time.Minute).UTC().Format(http.TimeFormat), time.Minute, 4 * time.Minute},
		{now.Add(-time.Hour).UTC().Format(http.TimeFormat), 0, 0},
		{"99999999999999999999", 5 * time.Minute, math.MaxInt64},
		{"soon", 0, 0},
		{"-5", 0, 0},
		{"", 0, 0},
	} {
		f := answer(fmt.Sprintf("answered 429 with Retry-After %q", c.header), http.StatusTooManyRequests, "application/json", "{}", "Retry-After", c.header)
		p.attack(f, func(doing string, err error) {
			var t *store.ThrottledError
			if !errors.As(err, &t) {
				p.failf("%s: the error is %v; it must be a *store.ThrottledError", doing, err)
			}
			if t.After < c.least || t.After > c.most {
				p.failf("%s: ThrottledError.After is %s", doing, t.After)
			}
			p.errorIsNot(doing, err, store.ErrInvalid, store.ErrDenied)
		})
	}
}

func denied(p *probe) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		p.attack(answer(fmt.Sprintf("answered %d", status), status, "text/html", page), func(doing string, err error) {
			p.errorIs(doing, err, store.ErrDenied)
			p.errorIsNot(doing, err, store.ErrInvalid)
		})
	}
}

func refused(p *probe) {
	for _, f := range sick {
		p.attack(f, func(doing string, err error) { p.errorIsNot(doing, err, store.ErrInvalid, store.ErrDenied) })
	}
}

func unanswered(p *probe) {
	for _, f := range silent {
		p.attack(f, p.wantUnanswered)
	}
}

func (p *probe) wantUnanswered(doing string, err error) {
	p.errorIsNot(doing, err, store.ErrInvalid, store.ErrDenied)
	if !errors.Is(err, store.ErrUnanswered) && !errors.Is(err, context.DeadlineExceeded) {
		p.failf("%s: the error is %v; it must wrap %q", doing, err, store.ErrUnanswered)
	}
}

// falseSuccess leaves out the answers without a body that the service gives of its
// own to the same method: many say no more of an erasure than 204.
func falseSuccess(p *probe) {
	w := p.anybody()
	p.learn(func() {
		p.deliver(w)
		field := p.changing(w)
		w.change(field)
		p.deliver(w, w.named(field)...)
	})
	for _, f := range falseAnswers {
		p.attack(f, func(doing string, err error) { p.errorIsNot(doing, err, store.ErrInvalid) })
	}
	if _, ok := p.backend.(store.Eraser); ok {
		p.learn(func() { p.erase(w, w.remote) })
		for _, f := range falseAnswers {
			p.attackErasure(f)
		}
	}
}

// learn has the injector remember where the double says nothing.
func (p *probe) learn(call func()) {
	p.service.Inject(learned, 0)
	call()
	p.service.Lift()
}

const allowed = 12 << 20 // bytes allocated for one answer

func tooMuch(p *probe) {
	for _, f := range endless {
		least := uint64(math.MaxUint64)
		for range 2 { // others may allocate at the same time
			if least = min(least, p.allocates(f)); least <= allowed {
				break
			}
		}
		if least > allowed {
			p.failf("%s: it allocates %d MiB", f.at(0, "a delivery"), least>>20)
		}
		p.attack(f, func(doing string, err error) { p.errorIsNot(doing, err, store.ErrInvalid) })
	}
}

// allocates returns how many bytes one delivery under f does.
func (p *probe) allocates(f fault) uint64 {
	w := p.anybody()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = p.under(f, 0, func(ctx context.Context) error { return p.try(ctx, w) })
	runtime.ReadMemStats(&after)
	if p.service.Flooded() {
		p.failf("%s: it was read beyond %d MiB", f.at(0, "a delivery"), most>>20)
	}
	p.deliver(w)
	return after.TotalAlloc - before.TotalAlloc
}

func redirects(p *probe) {
	var mu sync.Mutex
	visits := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		visits++
	}))
	defer other.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		visited := func(doing string) {
			mu.Lock()
			defer mu.Unlock()
			if visits > 0 {
				p.failf("%s: it is followed", doing)
			}
		}
		f := redirect(status, other.URL)
		p.attack(f, func(doing string, err error) {
			visited(doing)
			p.errorIsNot(doing, err, store.ErrInvalid)
		})
		visited(f.at(0, "a delivery"))
	}
}

// secretsStayIn has the service repeat what it was told. Whether an answer of 200
// is believed is the matter of another property.
func secretsStayIn(p *probe) {
	for _, status := range []int{200, 400, 401, 403, 404, 409, 422, 429, 500} {
		p.eachRequest(func(nth int, w *person, changed ...store.Field) (asked int) {
			asked, _ = p.under(echo(status), nth, func(ctx context.Context) error { return p.try(ctx, w, changed...) })
			return asked
		})
	}
}

func lostAnswer(p *probe) { p.attack(lost, p.wantUnanswered) }
