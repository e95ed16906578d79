package backendtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A Fixture is a backend and the foreign service that it delivers to, empty. Its
// functions are called from several goroutines at once.
type Fixture struct {
	// Backend makes the backend, for the service at baseURL, which is plain HTTP
	// on loopback and has no path.
	Backend func(baseURL string) (store.Backend, error)
	// Double is the foreign service. Run serves it on loopback, behind a fault
	// injector. Where it answers a method without a body, such as 204 to DELETE, a
	// backend may take that for a success.
	Double http.Handler
	// Holds returns what the service holds of a person, by our names and as
	// Profile.Value returns it; ok is false where it has nobody. Fields whose
	// form differs there are given back in ours. It says nothing of fields that
	// the backend does not take.
	Holds func(key store.Key) (fields map[store.Field]string, ok bool)
	// Count returns how many people the service holds. nil: duplicates are not
	// looked for, except through Holds.
	Count func() int
	// Channel is that of the people who are delivered, for a backend that Serves
	// a single one. "": "telegram".
	Channel string
	// Secrets are the texts that may occur in no error: tokens, passwords, keys.
	Secrets []string
	// Occupy makes somebody else in the service hold what the first delivery of
	// key needs: a username, an email. What that delivery says is [Person] of
	// key. From then on Holds of the zero Key returns what the somebody else
	// holds. nil: nothing there is unique.
	Occupy func(key store.Key)
	// Undefined is a custom field that the service does not know, although the
	// backend was told to deliver it. "": the backend takes no custom fields. One
	// that the service does know is tried where Traits.Takes accepts
	// CustomKey("tier"); its values are texts.
	Undefined store.Field
}

// Run holds the backend of each Fixture that start returns to the contract of
// [store.Backend]. Each property is a subtest with a Fixture of its own; start
// gets the subtest's t. The subtests do not run in parallel. Where the backend
// cannot be made, or cannot deliver anybody, Run stops there.
func Run(t *testing.T, start func(t *testing.T) Fixture, options ...Option) {
	t.Helper()
	c := config{seed: rand.Uint64(), skip: make(map[string]string)}
	for _, o := range options {
		o(&c)
	}
	for name := range c.skip {
		if !slices.Contains(Properties(), name) {
			t.Errorf("backendtest.Skip: there is no property %q", name)
		}
	}
	for _, prop := range properties {
		goOn := true
		t.Run(prop.name, func(t *testing.T) {
			if why, skipped := c.skip[prop.name]; skipped {
				t.Skip(why)
			}
			p := &probe{ctx: t.Context(), rand: rand.New(rand.NewPCG(c.seed, 0)), patience: 30 * time.Second, Fixture: start(t)}
			r := prop.check(p)
			if p.uncounted {
				t.Log("the fixture has no Count: duplicates are looked for through Holds alone")
			}
			again := ""
			if p.random {
				again = fmt.Sprintf("\nagain with: backendtest.Seed(%d)", c.seed)
			}
			goOn = !r.fatal
			switch {
			case r.skipped != "":
				t.Skip(r.skipped)
			case r.problem != "":
				t.Errorf("%s\nbecause: %s%s", r.problem, r.reason, again)
			}
		})
		if !goOn {
			return
		}
	}
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
	seed uint64
	skip map[string]string
}

// Skip leaves a property out. The reason is printed with the test's results.
func Skip(property, reason string) Option {
	return func(c *config) { c.skip[property] = reason }
}

// SkipFaults leaves out the properties of what a service answers badly: for further
// settings of a backend that makes its calls in the same way with each, and was
// held to them with one. The reason is printed with the test's results.
func SkipFaults(reason string) Option {
	return func(c *config) {
		for _, p := range ofFaults {
			c.skip[p.name] = reason
		}
	}
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
	reason  string
	fatal   bool // and no other property can hold
	skipped string
}

// check runs the property. A panic of the backend itself goes on.
func (prop property) check(p *probe) (r result) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case result:
			r = v
			if r.reason == "" {
				r.reason = prop.reason
			}
		default:
			panic(v)
		}
	}()
	p.start()
	defer p.stop()
	prop.run(p)
	return result{}
}
