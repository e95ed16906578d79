package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A Curve is what something costs at several numbers of people.
type Curve struct {
	Name string // "Observe, unchanged"
	Unit string // "ns"
	// Sizes are the numbers of people. nil: 10,000, 100,000, 1 M and 10 M.
	Sizes []int
	// At measures the cost at one of them.
	At func(e *Env, people int) (float64, error)
	// Growth explains what grows faster than the logarithm, "" where nothing does.
	Growth string
}

// Points is what was measured of a Curve.
type Points struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	People []int     `json:"people"`
	Costs  []float64 `json:"costs"`
	Growth string    `json:"growth,omitempty"`
	Run    Run       `json:"run"`
}

func (c Curve) measure(ctx context.Context) (p Points, err error) {
	p = Points{Name: c.Name, Unit: c.Unit, Growth: c.Growth, Run: thisRun(1)}
	sizes := c.Sizes
	if sizes == nil {
		sizes = []int{10_000, 100_000, 1_000_000, 10_000_000}
	}
	for _, people := range sizes {
		cost, err := c.at(ctx, people)
		if err != nil {
			return p, fmt.Errorf("%s, %d people: %w", c.Name, people, err)
		}
		p.People, p.Costs = append(p.People, people), append(p.Costs, roundTo(cost, 4))
	}
	return p, nil
}

func (c Curve) at(ctx context.Context, people int) (cost float64, err error) {
	dir, err := os.MkdirTemp("", "rollcall-benchmarks-*")
	if err != nil {
		return 0, err
	}
	e := &Env{Context: ctx, Dir: dir}
	e.Cleanup(func() error { return os.RemoveAll(dir) })
	defer func() { err = errors.Join(err, e.close()) }()
	return c.At(e, people)
}

func (p Points) line() string {
	var costs strings.Builder
	for i, people := range p.People {
		fmt.Fprintf(&costs, "  %s: %s", number(float64(people)), number(p.Costs[i]))
	}
	return fmt.Sprintf("%-34.34s %-22.22s%s\n", p.Name, p.Unit+" by people", costs.String())
}

func (r *Results) putCurve(n Points) {
	if i := slices.IndexFunc(r.Curves, func(o Points) bool { return o.Name == n.Name }); i >= 0 {
		r.Curves[i] = n
		return
	}
	r.Curves = append(r.Curves, n)
}
