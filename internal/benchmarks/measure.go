package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

// turn is how long a Loop is repeated each round, at least.
const turn = 100 * time.Millisecond

// Measure does what f does, which is n operations, and reads the times, the allocations
// and the bytes of the whole process by operation.
func Measure(n int, f func() error) (Reading, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spentBefore, ok := processorTime()
	start := time.Now()
	err := f()
	took := time.Since(start)
	spent, _ := processorTime()
	if spent -= spentBefore; !ok {
		spent = took
	}
	runtime.ReadMemStats(&after)
	by := func(v uint64) float64 { return float64(v) / float64(n) }
	allocs := by(after.Mallocs - before.Mallocs)
	return Reading{
		Time:   by(uint64(took)),
		CPU:    by(uint64(spent)),
		Allocs: math.Round(allocs*100) / 100, // the runtime makes some of its own now and then
		Bytes:  by(after.TotalAlloc - before.TotalAlloc),
	}, err
}

// Heap returns how many bytes are live.
func Heap() float64 {
	runtime.GC()
	runtime.GC() // the second ends the sweep of what finalizers kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// A contestant is a Side in the middle of its rounds.
type contestant struct {
	side  Side
	env   *Env
	loop  func(n int) error
	count int
	// readings has one element a round, and each metric that was read in it.
	readings []Reading
}

// run lets the sides of s take turns, and returns the readings of each by its name.
func run(ctx context.Context, s Subject, rounds int) (readings map[string][]Reading, err error) {
	if s.Exact {
		rounds = 1
	}
	if s.Prepare != nil {
		shared := &Env{Context: ctx}
		defer func() { err = errors.Join(err, shared.close()) }()
		if err := shared.folder(); err != nil {
			return nil, err
		}
		if err := s.Prepare(shared); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	sides := make([]*contestant, len(s.Sides))
	for i, side := range s.Sides {
		c := &contestant{side: side, env: &Env{Context: ctx}}
		defer func() { err = errors.Join(err, c.env.close()) }()
		if err := c.open(); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.Name, side.Name, err)
		}
		sides[i] = c
	}
	for round := range rounds {
		for i := range sides {
			c := sides[(i+round)%len(sides)] // nobody is always first
			if err := c.turn(); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", s.Name, c.side.Name, err)
			}
		}
	}
	if s.Instructions {
		if err := countAll(ctx, s.Name, sides); err != nil {
			return nil, err
		}
	}
	readings = make(map[string][]Reading, len(sides))
	for _, c := range sides {
		readings[c.side.Name] = c.readings
	}
	return readings, nil
}

// countAll counts the instructions of all Loops at once: another one beside it makes none
// of them take more.
func countAll(ctx context.Context, subject string, sides []*contestant) error {
	errs := make([]error, len(sides))
	var counting sync.WaitGroup
	for i, c := range sides {
		if c.loop == nil {
			continue
		}
		counting.Go(func() {
			n, err := countInstructions(ctx, subject, c.side.Name, min(c.count, 25_000))
			switch {
			case errors.Is(err, errNoValgrind):
			case err != nil:
				errs[i] = fmt.Errorf("%s, %s: %w", subject, c.side.Name, err)
			default:
				for _, r := range c.readings {
					r[Instructions] = n
				}
			}
		})
	}
	counting.Wait()
	return errors.Join(errs...)
}

// open prepares a Loop, and finds out how many operations take a turn.
func (c *contestant) open() (err error) {
	if c.side.Loop == nil {
		return nil
	}
	if err := c.env.folder(); err != nil {
		return err
	}
	if c.loop, err = c.side.Loop(c.env); err != nil {
		return err
	}
	const warm, limit = 100, 1 << 30
	if err := c.loop(warm); err != nil {
		return err
	}
	for c.count = 1; c.count < limit; c.count *= 2 {
		// The machine may do something else for that long, so what was slow once is
		// tried again: too few operations would measure what happens besides.
		took := turn
		for try := 0; try < 3 && took >= turn/4; try++ {
			start := time.Now()
			if err := c.loop(c.count); err != nil {
				return err
			}
			took = min(took, time.Since(start))
		}
		if took >= turn/4 {
			c.count = max(1, int(float64(c.count)*float64(turn)/float64(took)))
			return nil
		}
	}
	return nil
}

func (c *contestant) turn() (err error) {
	var r Reading
	if c.loop != nil {
		r, err = Measure(c.count, func() error { return c.loop(c.count) })
	} else if err = c.env.folder(); err == nil {
		r, err = c.side.Once(c.env)
		err = errors.Join(err, c.env.close())
	}
	c.readings = append(c.readings, r)
	return err
}

// folder makes a folder that is there until e is closed.
func (e *Env) folder() (err error) {
	if e.Dir, err = os.MkdirTemp("", "rollcall-benchmarks-*"); err != nil {
		return err
	}
	dir := e.Dir
	e.Cleanup(func() error { return os.RemoveAll(dir) })
	return nil
}

// median returns the middle of some values, and the ends.
func median(values []float64) (middle, low, high float64) {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]
}
