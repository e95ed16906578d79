package prove_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A saying is what one event says.
type saying struct {
	id       int
	at       time.Time
	name     string
	username string // "": cleared
}

// A town is some people, a store, two backends, and what is true of all of them.
type town struct {
	t        *testing.T
	st       *mortalStore
	backends []*register
	mw       *middleware.Middleware
	bodies   []*middleware.Middleware // of dead processes

	said    []saying // by all, in order, and not forgotten
	arrived map[int]bool
	durable map[int]bool
	clock   time.Time
	pinned  map[int]string
	gone    map[int]bool
}

const townPeople = 3

func townKey(id int) store.Key { return store.Key{Channel: "telegram", UserID: fmt.Sprint(id + 1)} }

func newTown(t *testing.T) *town {
	w := &town{
		t: t, st: &mortalStore{Store: memstore.New()}, backends: []*register{newRegister("crm"), newRegister("desk")},
		clock: time.Date(1999, 5, 1, 12, 0, 0, 0, time.UTC), pinned: make(map[int]string), gone: make(map[int]bool),
		arrived: make(map[int]bool), durable: make(map[int]bool),
	}
	return w
}

func (w *town) begin() (err error) {
	w.st = w.st.process()
	w.mw, err = middleware.New(w.st, &middleware.Options{
		Backends: []store.Backend{w.backends[0], w.backends[1]}, SeenEvery: -1, ExpectedPeople: 100,
	})
	return err
}

func (w *town) play(schedule []step) error {
	if err := w.begin(); err != nil {
		return err
	}
	defer w.bury()
	for i, s := range schedule {
		if err := w.do(s); err != nil {
			return fmt.Errorf("step %d, %+v: %w", i, s, err)
		}
	}
	w.heal()
	for _, i := range w.waiting() {
		w.arrive(i)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 24*time.Hour)
	defer cancel()
	if err := w.mw.Flush(ctx); err != nil {
		return err
	}
	if err := w.mw.Drain(ctx); err != nil {
		return err
	}
	return w.check(ctx)
}

// bury ends the goroutines of all processes. Those of the dead can save nothing.
func (w *town) bury() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, mw := range append(w.bodies, w.mw) {
		_ = mw.Close(ctx)
	}
}

func (w *town) heal() {
	w.st.away.Store(false)
	for _, b := range w.backends {
		b.fails.Store(0)
	}
}

// arrive has the saying number i observed.
func (w *town) arrive(i int) {
	x := w.said[i]
	s := &middleware.Sender{Channel: "telegram", NumericID: uint64(x.id) + 1, Event: "message", At: x.at}
	s.Set(store.FieldGivenName, x.name)
	s.Set(store.FieldUsername, x.username)
	w.mw.Observe(s)
	w.arrived[i] = true
}

// waiting are the numbers of what was said and did not arrive.
func (w *town) waiting() []int {
	var all []int
	for i := range w.said {
		if !w.arrived[i] {
			all = append(all, i)
		}
	}
	return all
}

// flush makes all that arrived durable.
func (w *town) flush() error {
	w.st.away.Store(false)
	if err := w.mw.Flush(w.t.Context()); err != nil {
		return err
	}
	maps.Copy(w.durable, w.arrived)
	return nil
}

// again has the platform deliver what a new process has not confirmed: all from the
// first saying on that did not arrive, or was not durable.
func (w *town) again() error {
	for i := range w.said {
		if !w.durable[i] {
			maps.DeleteFunc(w.arrived, func(k int, _ bool) bool { return k >= i })
			maps.DeleteFunc(w.durable, func(k int, _ bool) bool { return k >= i })
			for k := i; k < len(w.said); k++ {
				w.arrive(k)
			}
			break
		}
	}
	return nil
}

func (w *town) do(s step) error {
	ctx, id := w.t.Context(), s.N%townPeople
	switch s.What {
	case "say":
		w.clock = w.clock.Add(time.Duration(1+s.N%3) * 500 * time.Millisecond)
		x := saying{id: id, at: w.clock, name: string(rune('A' + s.N/3%3))}
		if s.N/9%2 == 0 {
			x.username = string(rune('a' + s.N/18%2))
		}
		w.said = append(w.said, x)
	case "arrive":
		if waiting := w.waiting(); len(waiting) > 0 {
			w.arrive(waiting[s.N%len(waiting)])
		}
	case "arrive twice":
		if arrived := slices.Sorted(maps.Keys(w.arrived)); len(arrived) > 0 {
			w.arrive(arrived[s.N%len(arrived)])
		}
	case "flush":
		return w.flush()
	case "wait":
		time.Sleep(time.Duration(s.N) * 10 * time.Millisecond)
	case "crash":
		w.st.dead.Store(true)
		w.bodies = append(w.bodies, w.mw)
		if err := w.begin(); err != nil {
			return err
		}
		return w.again()
	case "restart":
		w.st.away.Store(false)
		if err := w.mw.Close(ctx); err != nil {
			return err
		}
		maps.Copy(w.durable, w.arrived)
		if err := w.begin(); err != nil {
			return err
		}
		return w.again()
	case "store away", "store back":
		w.st.away.Store(s.What == "store away")
	case "backend away", "backend back":
		mode := int32(0)
		if s.What == "backend away" {
			mode = 1 + int32(s.N/2%3)
		}
		w.backends[s.N%2].fails.Store(mode)
	case "pin", "unpin", "forget", "readmit":
		w.st.away.Store(false)
		return w.decide(ctx, s.What, id, s.N)
	}
	return nil
}

// decide is what the bot's owner, or the person, asks for.
func (w *town) decide(ctx context.Context, what string, id, n int) (err error) {
	switch what {
	case "pin":
		bio := fmt.Sprint("bio ", n)
		if err = w.mw.Set(ctx, townKey(id), store.Pinned, store.Profile{Bio: bio}); err == nil {
			w.pinned[id] = bio
		}
	case "unpin":
		if err = w.mw.Unset(ctx, townKey(id), store.Pinned, store.FieldBio); err == nil {
			delete(w.pinned, id)
		}
	case "forget":
		// What the person said before, and comes after it, is the tombstone's.
		for i, x := range w.said {
			if x.id == id {
				w.said[i].id = townPeople // nobody who is looked at
			}
		}
		err = w.mw.Forget(ctx, townKey(id))
		delete(w.pinned, id)
		w.gone[id] = true
	case "readmit":
		if err = w.flush(); err != nil {
			return err
		}
		err = w.mw.Readmit(ctx, townKey(id))
		if w.gone[id] {
			// What was said while the person was gone is dropped.
			for i, x := range w.said {
				if x.id == id {
					w.said[i].id = townPeople
				}
			}
		}
		delete(w.gone, id)
	}
	if errors.Is(err, store.ErrSuppressed) && w.gone[id] {
		err = nil
	}
	return err
}

// check compares the store and the backends with what was said.
func (w *town) check(ctx context.Context) error {
	for id := range townPeople {
		want := make(map[store.Field]string)
		for _, x := range w.said {
			if x.id == id { // in order, so that the last counts
				want = map[store.Field]string{store.FieldName: x.name, store.FieldGivenName: x.name, store.FieldUsername: x.username, store.FieldStatus: "active"}
			}
		}
		want[store.FieldBio] = w.pinned[id]
		if w.gone[id] {
			clear(want)
		}
		maps.DeleteFunc(want, func(_ store.Field, v string) bool { return v == "" })
		got := make(map[store.Field]string)
		p, err := w.mw.Get(ctx, townKey(id))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for _, f := range p.Stated() {
			got[f] = p.Value(f)
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("the store has of %d %v, want %v", id, got, want)
		}
		for _, b := range w.backends {
			if got := b.holds(townKey(id)); !maps.Equal(got, want) {
				return fmt.Errorf("%s has of %d %v, want %v", b.name, id, got, want)
			}
		}
	}
	return nil
}
