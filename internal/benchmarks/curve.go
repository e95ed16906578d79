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
	Name string // what -rows matches
	// Large is the most people, when those take so long that only -large measures them.
	// 0: they do not.
	Large int
	// At measures all that Lines show, for so many people.
	At    func(e *Env, people int) (Reading, error) // of crowds
	Lines []Line
}

var crowds = []int{10_000, 100_000, million, 10 * million}

// A Line is one of the things that a Curve shows.
type Line struct {
	Name   string // "an unchanged sender"
	Metric Metric
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

func (c Curve) measure(ctx context.Context, large bool) ([]Points, error) {
	lines := make([]Points, len(c.Lines))
	for i, l := range c.Lines {
		lines[i] = Points{Name: l.Name, Unit: string(l.Metric), Growth: l.Growth, Run: thisRun(1)}
	}
	for _, people := range crowds {
		if people == c.Large && !large {
			continue
		}
		costs, err := c.at(ctx, people)
		if err != nil {
			return nil, fmt.Errorf("%s, %d people: %w", c.Name, people, err)
		}
		for i, l := range c.Lines {
			lines[i].People = append(lines[i].People, people)
			lines[i].Costs = append(lines[i].Costs, roundTo(costs[l.Metric], 4))
		}
	}
	return lines, nil
}

func (c Curve) at(ctx context.Context, people int) (costs Reading, err error) {
	dir, err := os.MkdirTemp("", "rollcall-benchmarks-*")
	if err != nil {
		return nil, err
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

// putCurve takes Points in, in place of earlier ones. What was not measured now, which
// are the most people, stays as it was if it was measured in the same unit.
func (r *Results) putCurve(n Points) {
	if i := slices.IndexFunc(r.Curves, func(o Points) bool { return o.Name == n.Name }); i >= 0 {
		old := r.Curves[i]
		if from := len(n.People); len(old.People) > from && old.Unit == n.Unit {
			n.People, n.Costs = append(n.People, old.People[from:]...), append(n.Costs, old.Costs[from:]...)
		}
		r.Curves[i] = n
		return
	}
	r.Curves = append(r.Curves, n)
}
