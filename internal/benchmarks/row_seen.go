package main

import (
	"errors"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/rollcall-go/rollcall/internal/seen"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

const (
	million = 1_000_000
	theirs  = "otter v2"
)

// seenTable looks up what is known of somebody, a number by a number, on two goroutines.
// Theirs hashes the numbers itself, so ours are hashed before they are looked up.
func seenTable() Subject {
	return Subject{
		Name: "seen table, 1 M people, Zipf 1.1",
		Sides: []Side{
			{Name: "rollcall", Loop: func(*Env) (func(int) error, error) {
				table := seen.New(million)
				for i := range uint64(million) {
					id := personID(i)
					table.Mark(hash(id), id, 0)
				}
				return askedByTwo(func(id uint64, _ time.Time) bool { return table.Has(hash(id), id) }), nil
			}},
			{Name: theirs, Loop: func(*Env) (func(int) error, error) {
				cache, err := otterOf(million, func(id uint64) uint64 { return id })
				return askedByTwo(func(id uint64, _ time.Time) bool {
					print, ok := cache.GetIfPresent(id)
					return ok && print == middleware.Print(id|1)
				}), err
			}},
		},
		Claims: []Claim{
			{Of: "time", Metric: CPU, Against: theirs, Wanted: AtMost(0.35), Limit: "a miss of the processor's cache"},
		},
	}
}

// hash gives the upper and the lower bits of a number what all of it says.
func hash(id uint64) uint64 {
	hi, lo := bits.Mul64(id^0x9e3779b97f4a7c15, 0xe7037ed1a0b428db)
	return hi ^ lo
}

// seenKnown asks whether somebody has changed as an adapter does, by Known, which is
// given the channel, the id and the Print, and also counts, and notes when the person
// was seen: time passes, or it would not have to. Theirs is only looked up.
func seenKnown() Subject {
	return Subject{
		Name: "Known, 1 M people, Zipf 1.1",
		Sides: []Side{
			{Name: "rollcall", Loop: func(e *Env) (func(int) error, error) {
				mw, err := crowd(e, million, million)
				return askedByTwo(func(id uint64, at time.Time) bool { return knownAt(mw, id, at) }), err
			}},
			{Name: theirs, Loop: func(*Env) (func(int) error, error) {
				cache, err := otterOf(million, personOf)
				return askedByTwo(func(id uint64, _ time.Time) bool {
					print, ok := cache.GetIfPresent(personOf(id))
					return ok && print == middleware.Print(id|1)
				}), err
			}},
		},
		Claims: []Claim{
			{Of: "time", Metric: CPU, Against: theirs, Wanted: AtMost(1), Limit: "a miss of the processor's cache, and two locked writes, which wait for it and so keep it from overlapping with the next"},
		},
	}
}

// seenMemory fills tables for as many people as they are made for.
func seenMemory() Subject {
	return Subject{
		Name: "seen table, memory", Rounds: 1,
		Sides: []Side{
			{Name: "1 M", Once: func(e *Env) (Reading, error) { return seenHeap(e, million) }},
			{Name: "10 M", Once: func(e *Env) (Reading, error) { return seenHeap(e, 10*million) }},
			{Name: theirs, Once: func(*Env) (Reading, error) {
				before := Heap()
				cache, err := otterOf(million, personOf)
				r := Reading{Bytes: (Heap() - before) / million}
				runtime.KeepAlive(cache)
				return r, err
			}},
		},
		Claims: []Claim{
			{Of: "1 M people", Metric: Bytes, Against: theirs, Wanted: AtMost(0.5), Limit: "three words a person"},
			{Of: "a person, of 10 M", Metric: Bytes, Ours: "10 M", Form: Value, Wanted: AtMost(27), Possible: new(threeWords), Limit: "three words a person"},
			{Of: "collection, 10 M", Metric: collection, Ours: "10 M", Form: Value, Wanted: AtMost(10), Limit: "nothing in the table is scanned"},
		},
	}
}

const (
	collection Metric = "ms"
	threeWords        = 24.0 // bytes a person
)

func seenHeap(e *Env, people int) (Reading, error) {
	before := Heap()
	mw, err := crowd(e, people, people)
	if err != nil {
		return nil, err
	}
	heap := Heap() - before
	start := time.Now()
	runtime.GC()
	took := time.Since(start)
	runtime.KeepAlive(mw)
	return Reading{Bytes: heap / float64(people), collection: took.Seconds() * 1000}, nil
}

// seenHits has both bounded to 131,072 words, of a million people, and counts how often
// they know somebody who comes again. Ours has three words for each expected person.
func seenHits() Subject {
	const words = 1 << 17
	return Subject{
		Name: "seen table, room for 1/8", Rounds: 1, Exact: true,
		Sides: []Side{
			{Name: "rollcall", Once: func(e *Env) (Reading, error) {
				mw, err := crowd(e, 0, words/3)
				if err != nil {
					return nil, err
				}
				return hitsOf(func(id uint64) (bool, error) {
					if known(mw, id) {
						return true, nil
					}
					observe(mw, id)
					return false, mw.Flush(e)
				})
			}},
			{Name: theirs, Once: func(*Env) (Reading, error) {
				cache, err := otter.New(&otter.Options[person, middleware.Print]{MaximumSize: words})
				if err != nil {
					return nil, err
				}
				return hitsOf(func(id uint64) (bool, error) {
					if print, ok := cache.GetIfPresent(personOf(id)); ok && print == middleware.Print(id|1) {
						return true, nil
					}
					cache.Set(personOf(id), middleware.Print(id|1))
					return false, nil
				})
			}},
		},
		Claims: []Claim{{Of: "hits", Metric: hits, Against: theirs, Wanted: AtLeast(0.995), Limit: "it forgets whom it has not seen of eight"}},
	}
}

const hits Metric = "hits"

func hitsOf(ask func(id uint64) (hit bool, err error)) (Reading, error) {
	const asked = 3 * million
	ids := zipf(1)
	n := 0
	for i := range asked {
		hit, err := ask(ids())
		if err != nil {
			return nil, err
		}
		if hit && i >= asked/3 { // the first third fills it
			n++
		}
	}
	return Reading{hits: float64(n) / (asked - asked/3)}, nil
}

// zipf returns people of a million by how often they come. Those who come often did
// not come one after the other at first, and so do not lie side by side in memory.
func zipf(seed uint64) func() uint64 {
	const apart = 618_033 // has no factor in common with a million
	z := rand.NewZipf(rand.New(rand.NewPCG(seed, seed)), 1.1, 1, million-1)
	return func() uint64 { return personID(z.Uint64() * apart % million) }
}

// personID scatters people, as the ids of a platform are.
func personID(i uint64) uint64 { return (i + 1) * 0x9e3779b97f4a7c15 >> 1 }

// askedByTwo returns a loop of two goroutines who ask of people of their own choice.
// An event is a millisecond after the one before.
func askedByTwo(ask func(id uint64, at time.Time) bool) func(int) error {
	var ids [2][1 << 20]uint64
	for i := range ids {
		next := zipf(uint64(i) + 1)
		for j := range ids[i] {
			ids[i][j] = next()
		}
	}
	last := noon
	return func(n int) error {
		first := last
		last = first.Add(time.Duration(n) * time.Millisecond)
		var unknown [2]int
		var both sync.WaitGroup
		for i := range ids {
			both.Go(func() {
				at := first
				for j := range n / 2 {
					at = at.Add(time.Millisecond)
					if !ask(ids[i][j%len(ids[i])], at) {
						unknown[i]++
					}
				}
			})
		}
		both.Wait()
		if unknown[0]+unknown[1] > n/10 {
			return errors.New("more than a tenth was unknown")
		}
		return nil
	}
}

// A person is a key of theirs.
type person struct {
	channel string
	id      uint64
}

func personOf(id uint64) person { return person{"telegram", id} }

func otterOf[K comparable](people int, key func(id uint64) K) (*otter.Cache[K, middleware.Print], error) {
	cache, err := otter.New(&otter.Options[K, middleware.Print]{MaximumSize: people})
	if err != nil {
		return nil, err
	}
	for i := range uint64(people) {
		id := personID(i)
		cache.Set(key(id), middleware.Print(id|1))
	}
	cache.CleanUp()
	return cache, nil
}

// crowd returns a Middleware with room for some people, to whom all are known.
func crowd(e *Env, people, room int) (*middleware.Middleware, error) {
	return crowdBy(observe, e, people, room)
}

func crowdBy(observe func(*middleware.Middleware, uint64), e *Env, people, room int) (*middleware.Middleware, error) {
	mw, err := middleware.New(hollowStore{memstore.New()}, &middleware.Options{ExpectedPeople: room, SeenEvery: -1})
	if err != nil {
		return nil, err
	}
	e.Cleanup(func() error { return mw.Close(e) })
	const atOnce = 25_000 // fewer than may wait
	for i := range people {
		observe(mw, personID(uint64(i)))
		if i%atOnce == atOnce-1 {
			if err := mw.Flush(e); err != nil {
				return nil, err
			}
		}
	}
	return mw, mw.Flush(e)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// observe has somebody come of whom the event says nothing but who they are.
func observe(mw *middleware.Middleware, id uint64) {
	s := middleware.Sender{Channel: "telegram", NumericID: id, At: noon}
	if !mw.Known(&s, middleware.Print(id|1)) {
		mw.Observe(&s)
	}
}

func known(mw *middleware.Middleware, id uint64) bool { return knownAt(mw, id, noon) }

func knownAt(mw *middleware.Middleware, id uint64, at time.Time) bool {
	var s middleware.Sender
	s.Channel, s.NumericID, s.At = "telegram", id, at
	return mw.Known(&s, middleware.Print(id|1))
}
