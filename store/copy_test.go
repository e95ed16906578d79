package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A moving is two stores, what is copied from the one to the other, and a backend
// to which both deliver.
type moving struct {
	numbers  []int // drawn for the present step
	src, dst *memstore.Store
	after    store.Key // of a copy that was cut short
	there    map[store.Key]map[store.Field]string
	calls    []call
	at       time.Duration // since the beginning, for what people say
	// vanished are those who were forgotten in src without a tombstone, or
	// readmitted, when dst may know them already.
	vanished map[store.Key]bool
}

// A call is a delivery that was claimed. It may land until its lease is over.
type call struct {
	from   *memstore.Store
	claim  store.Claim
	landed bool
}

const (
	crm          = "crm"
	movingPeople = 2 // few, so that much happens to each
)

var movingFields = []store.Field{store.FieldBio, store.FieldNickname}

func movingKey(n int) store.Key { return store.Key{Channel: "telegram", UserID: fmt.Sprint(n)} }

func newMoving() *moving {
	return &moving{
		src: memstore.New(), dst: memstore.New(), there: make(map[store.Key]map[store.Field]string), vanished: make(map[store.Key]bool),
	}
}

// A problem is what is wrong.
type problem string

func (m *moving) failf(format string, args ...any) { panic(problem(fmt.Sprintf(format, args...))) }

func (m *moving) must(err error) {
	if err != nil {
		m.failf("%v", err)
	}
}

// upTo returns a number that was drawn.
func (m *moving) upTo(most int) int {
	n := m.numbers[0]
	m.numbers = append(m.numbers[1:], n)
	return n % (most + 1)
}

func (m *moving) flip() bool { return m.upTo(1) == 1 }

func (m *moving) key() store.Key { return movingKey(m.upTo(movingPeople - 1)) }

func (m *moving) apply(st *memstore.Store) {
	m.at += time.Second
	p := store.Patch{Key: m.key(), At: time.Unix(1_700_000_000, 0).Add(m.at), Set: make(map[store.Field]string)}
	if m.upTo(3) == 0 {
		p.At = p.At.Add(-5 * time.Second)
	}
	p.Source = store.Source(m.upTo(1))
	for _, f := range movingFields {
		switch n := m.upTo(3); n {
		case 0:
			p.Clear = append(p.Clear, f)
		case 1, 2:
			p.Set[f] = fmt.Sprint(n)
		}
	}
	_, err := st.Apply(context.Background(), []store.Record{p.Record()})
	m.must(err)
}

func (m *moving) claim(st *memstore.Store) {
	claims, _, err := st.Claim(context.Background(), crm, 1+m.upTo(2), time.Minute)
	if errors.Is(err, store.ErrNotFound) {
		return
	}
	m.must(err)
	for _, c := range claims {
		m.calls = append(m.calls, call{from: st, claim: c})
	}
}

// land makes a call do in the backend what it is for.
func (m *moving) land(c *call) {
	if c.landed || !time.Now().Before(c.claim.Standing.Due) {
		return
	}
	c.landed = true
	s := c.claim.Standing
	if s.Erase {
		delete(m.there, s.Key)
		return
	}
	if m.there[s.Key] == nil {
		m.there[s.Key] = make(map[store.Field]string)
	}
	p := c.claim.Record.Profile()
	fields := s.Fields
	if s.All {
		fields = movingFields
	}
	for _, f := range fields {
		m.there[s.Key][f] = p.Value(f)
	}
}

func (m *moving) settle(i int, verdict store.Verdict) {
	c := m.calls[i]
	m.calls = slices.Delete(m.calls, i, i+1)
	s := c.claim.Standing
	err := c.from.Settle(context.Background(), crm, []store.Settlement{{
		Key: s.Key, Token: s.Token, Version: s.Version, Verdict: verdict, After: time.Duration(m.upTo(100)) * time.Second,
	}})
	m.must(err)
}

func (m *moving) end() {
	if len(m.calls) == 0 {
		return
	}
	i := m.upTo(len(m.calls) - 1)
	if m.flip() {
		m.land(&m.calls[i])
	}
	switch landed := m.calls[i].landed; m.upTo(3) {
	case 0: // the process is killed
		m.calls = slices.Delete(m.calls, i, i+1)
	case 1: // no answer comes
		if time.Now().After(m.calls[i].claim.Standing.Due) {
			m.settle(i, store.VerdictRetry)
		}
	default:
		if landed {
			m.settle(i, success(m.calls[i].claim.Standing))
		} else {
			m.settle(i, []store.Verdict{store.VerdictRetry, store.VerdictRelease, store.VerdictDead}[m.upTo(2)])
		}
	}
}

func success(s store.Standing) store.Verdict {
	if s.Erase {
		return store.VerdictErased
	}
	return store.VerdictDelivered
}

func (m *moving) forget(st *memstore.Store) {
	key, suppress := m.key(), m.flip()
	if st == m.src && !suppress {
		m.vanished[key] = true
	}
	m.must(st.Forget(context.Background(), key, suppress))
}

func (m *moving) readmit(st *memstore.Store) {
	key := m.key()
	m.vanished[key] = true
	m.must(st.Readmit(context.Background(), key))
}

func (m *moving) enroll(st *memstore.Store) {
	m.must(st.Enroll(context.Background(), crm))
	if m.upTo(2) == 0 {
		m.must(st.Resync(context.Background(), crm))
	}
}

// copy copies all, or until it is cut short.
func (m *moving) copy(limit int) {
	ctx, cut := context.WithCancel(context.Background())
	defer cut()
	before, owing, start := standingsOf(m.dst), standingsOf(m.src), m.after
	err := store.Copy(ctx, m.dst, inBatches{m.src, limit, cut}, &store.CopyOptions{
		After: m.after, Progress: func(p store.CopyProgress) { m.after = p.Last },
	})
	if limit == 0 {
		m.must(err)
		m.after = store.Key{}
	}
	after := standingsOf(m.dst)
	for key, s := range owing {
		_, err := m.dst.Get(context.Background(), key)
		kept := err == nil
		switch {
		case limit > 0, key.Compare(start) <= 0: // not copied, or not known to be
		case s.State == store.StateOwed && kept && after[key].State != store.StateOwed:
			m.failf("%s is owed in src, and not in dst: %+v there, %+v here, before %+v", key, s, after[key], before[key])
		case s.State == store.StateDelivered && before[key].State == "" && kept && after[key].State != store.StateDelivered && recordOf(m.src, key).Equal(recordOf(m.dst, key)):
			m.failf("%s was delivered by src, and is %+v in dst", key, after[key])
		}
	}
}

// inBatches is a Portable whose people are cut short behind the first few.
type inBatches struct {
	*memstore.Store
	limit int
	cut   func()
}

func (b inBatches) Dossiers(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
	return func(yield func(store.Dossier, error) bool) {
		n := 0
		for d, err := range b.Store.Dossiers(ctx, after) {
			if !yield(d, err) {
				return
			}
			if n++; n == b.limit {
				b.cut()
				return
			}
		}
	}
}

func standingsOf(st *memstore.Store) map[store.Key]store.Standing {
	all := make(map[store.Key]store.Standing)
	for s := range st.Standings(context.Background(), store.StandingFilter{}) {
		all[s.Key] = s
	}
	return all
}

func recordOf(st *memstore.Store, key store.Key) store.Record {
	r, _ := st.Get(context.Background(), key)
	return r
}

// finish stops src, copies once more, and lets dst deliver all that it owes.
func (m *moving) finish() {
	m.calls = slices.DeleteFunc(m.calls, func(c call) bool {
		if c.from == m.src && m.flip() {
			m.land(&c)
		}
		return c.from == m.src
	})
	m.after = store.Key{}
	m.copy(0)
	m.same()
	m.copy(0) // again
	m.same()
	ctx := context.Background()
	m.must(m.dst.Enroll(ctx, crm))
	for range 1000 {
		_, err := m.dst.Replay(ctx, crm, store.Key{})
		m.must(err)
		claims, wait, err := m.dst.Claim(ctx, crm, 10, time.Minute)
		m.must(err)
		if len(claims) == 0 && wait <= 0 {
			break
		}
		for _, c := range claims {
			m.calls = append(m.calls, call{from: m.dst, claim: c})
			m.land(&m.calls[len(m.calls)-1])
			m.settle(len(m.calls)-1, success(c.Standing))
		}
		time.Sleep(max(wait, 0))
	}
	m.delivered()
}

// same wants dst to hold all that src does.
func (m *moving) same() {
	for d, err := range m.src.Dossiers(context.Background(), store.Key{}) {
		m.must(err)
		got, err := m.dst.Get(context.Background(), d.Key)
		switch {
		case d.Forgotten:
			if !errors.Is(err, store.ErrSuppressed) {
				m.failf("the tombstone of %s is lost: %v", d.Key, err)
			}
		case d.Record.Key.IsZero() || errors.Is(err, store.ErrSuppressed):
		case err != nil || !store.Merge(d.Record, got).Equal(got):
			m.failf("of %s is lost what src kept: %v", d.Key, err)
		}
	}
}

// delivered wants the backend to hold everybody as dst does, and nobody else.
func (m *moving) delivered() {
	for n := range movingPeople {
		key := movingKey(n)
		there, found := m.there[key]
		r, err := m.dst.Get(context.Background(), key)
		if err != nil {
			if found && !m.vanished[key] {
				m.failf("%s is in the backend and not in dst: %v", key, there)
			}
			continue
		}
		if p := r.Profile(); found {
			for _, f := range movingFields {
				if there[f] != p.Value(f) {
					m.failf("%s of %s is %q in the backend, and %q in dst; %+v", f, key, there[f], p.Value(f), standingsOf(m.dst)[key])
				}
			}
		} else if _, c := (store.Record{}).Apply(r); c.Owes() { // not of somebody who only said what they are not
			m.failf("%s is in dst and not in the backend; %+v", key, standingsOf(m.dst)[key])
		}
	}
	for key, s := range standingsOf(m.dst) {
		if s.State != store.StateDelivered && s.State != store.StateErased {
			m.failf("%s stands as %+v", key, s)
		}
	}
}

func TestCopyRefusesAStoreThatIsNil(t *testing.T) {
	st := memstore.New()
	for _, c := range [][2]store.Portable{{nil, st}, {st, nil}, {(*memstore.Store)(nil), st}, {st, (*memstore.Store)(nil)}} {
		if err := store.Copy(t.Context(), c[0], c[1], nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("from %T to %T: %v", c[1], c[0], err)
		}
	}
}

// Whatever happens in both stores, and however often a copy is cut short, nothing
// is lost. Both deliver to the same backend.
func TestCopyLosesNothing(t *testing.T) {
	type step struct {
		What    string
		Numbers []int
	}
	what := slices.Sorted(maps.Keys(newMoving().steps(nil)))
	steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(what).Draw(t, "what"), rapid.SliceOfN(rapid.IntRange(0, 1000), 8, 8).Draw(t, "numbers")}
	}), 5, 60)
	rapid.Check(t, func(rt *rapid.T) {
		passive := rapid.Bool().Draw(rt, "passive") // nothing happens in dst but copies
		schedule := steps.Draw(rt, "steps")
		var failed any
		synctest.Test(t, func(*testing.T) {
			defer func() { failed = recover() }()
			m := newMoving()
			stores := []*memstore.Store{m.src, m.src, m.dst}
			if passive {
				stores = stores[:2]
			}
			for _, s := range schedule {
				m.numbers = slices.Clone(s.Numbers)
				time.Sleep(2 * time.Millisecond) // Due is in milliseconds
				m.steps(stores[m.upTo(len(stores)-1)])[s.What]()
			}
			m.finish()
		})
		if failed != nil {
			rt.Fatal(failed)
		}
	})
}

// steps are what may happen, some of it more often.
func (m *moving) steps(st *memstore.Store) map[string]func() {
	return map[string]func(){
		"apply":       func() { m.apply(st) },
		"apply again": func() { m.apply(st) },
		"claim":       func() { m.claim(st) },
		"claim again": func() { m.claim(st) },
		"end":         m.end,
		"end again":   m.end,
		"forget":      func() { m.forget(st) },
		"readmit":     func() { m.readmit(st) },
		"enroll":      func() { m.enroll(st) },
		"replay":      func() { _, _ = st.Replay(context.Background(), crm, store.Key{}) },
		"time":        func() { time.Sleep(time.Duration(m.upTo(90)) * time.Second) },
		"copy":        func() { m.copy(0) },
		"copy a few":  func() { m.copy(1 + m.upTo(2)) },
	}
}
