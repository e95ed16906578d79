package storetest

import (
	"context"
	"math/rand/v2"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Run holds the stores that newStore returns to the contract of [store.Store].
// Each property is a subtest with a new, empty store; newStore gets the
// subtest's t, and closes what it opened with t.Cleanup. The subtests do not run
// in parallel.
func Run(t *testing.T, newStore func(t *testing.T) store.Store, options ...Option) {
	t.Helper()
	c := config{seed: rand.Uint64(), skip: make(map[string]string)}
	for _, o := range options {
		o(&c)
	}
	for name := range c.skip {
		if !slices.Contains(Properties(), name) {
			t.Errorf("storetest.Skip: there is no property %q", name)
		}
	}
	for _, prop := range properties {
		t.Run(prop.name, func(t *testing.T) {
			if why, skipped := c.skip[prop.name]; skipped {
				t.Skip(why)
			}
			if raced := c.check(t, prop, newStore, false); raced && c.command != nil {
				t.Run("processes", func(t *testing.T) { c.check(t, prop, newStore, true) })
			}
		})
	}
}

// check checks one property, and reports whether it is one of a race.
func (c *config) check(t *testing.T, prop property, newStore func(t *testing.T) store.Store, processes bool) (raced bool) {
	p := &probe{
		ctx: t.Context(), rand: rand.New(rand.NewPCG(c.seed, 0)), patience: 30 * time.Second,
		open: func() store.Store { return newStore(t) },
	}
	if c.reopen != nil {
		p.reopen = func(st store.Store) store.Store { return c.reopen(t, st) }
	}
	var ends []func() error
	if processes {
		p.process = func(st store.Store) racer {
			other, end, err := start(c.command(t, st), p.patience)
			if err != nil {
				p.failf("the command of storetest.Processes does not start: %v", err)
			}
			ends = append(ends, end)
			return other
		}
	}
	r := prop.check(p)
	var ending sync.WaitGroup // all at once: with the race detector a process takes a second to exit
	for _, end := range ends {
		ending.Go(func() {
			if err := end(); err != nil {
				t.Errorf("a process of storetest.Processes: %v", err)
			}
		})
	}
	ending.Wait()
	switch {
	case r.skipped != "":
		t.Skip(r.skipped)
	case r.problem != "":
		t.Errorf("%s\nbecause: %s\nagain with: storetest.Seed(%d)", r.problem, prop.reason, c.seed)
	case p.figure != "":
		t.Attr("figure", p.figure)
	}
	return p.raced
}

// Properties returns the names of the properties, in the order in which Run
// checks them.
func Properties() []string {
	names := make([]string, len(properties))
	for i, p := range properties {
		names[i] = p.name
	}
	return names
}

// An Option is an optional argument of [Run].
type Option func(*config)

type config struct {
	seed    uint64
	skip    map[string]string
	reopen  func(t *testing.T, st store.Store) store.Store
	command func(t *testing.T, st store.Store) *exec.Cmd
}

// Skip leaves a property out. The reason is printed with the test's results.
func Skip(property, reason string) Option {
	return func(c *config) { c.skip[property] = reason }
}

// Reopen makes Run check that what was acknowledged outlives the store. reopen
// closes st, as the end of a process would, and opens what it kept.
func Reopen(reopen func(t *testing.T, st store.Store) store.Store) Option {
	return func(c *config) { c.reopen = reopen }
}

// Seed repeats a run that failed, whose output names the seed.
func Seed(seed uint64) Option { return func(c *config) { c.seed = seed } }

// A property is one sentence of the contract.
type property struct {
	name   string
	reason string // why it matters, for whoever sees it fail
	run    func(p *probe)
}

type result struct {
	problem string // "" where the property holds
	skipped string
}

// check runs the property. A panic of the store itself goes on.
func (prop property) check(p *probe) (r result) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case result:
			r = v
		default:
			panic(v)
		}
	}()
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	p.ctx = ctx
	prop.run(p)
	return result{}
}
