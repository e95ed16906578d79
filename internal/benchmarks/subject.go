package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// A Subject is something that several sides do, of which one is rollcall.
type Subject struct {
	Name   string // "seen table, 1 M people"
	Sides  []Side
	Claims []Claim
	// Prepare makes what the sides share, before their first turn; its Env lasts until
	// their last. Where it returns an UnavailableError, the rows say so. nil: they share
	// nothing.
	Prepare func(e *Env) error
	// Rounds is how often each side has its turn. 0: 7.
	Rounds int
	// Instructions has the Loops counted by valgrind, where that is installed.
	Instructions bool
	// Exact is true where all that Claims look at is the same whatever else the
	// machine does: one round is enough.
	Exact bool
}

// An UnavailableError says what this machine lacks for a Subject to be measured.
type UnavailableError string

func (u UnavailableError) Error() string { return string(u) }

// A Side has either a Loop or a Once.
type Side struct {
	Name string // "rollcall", "otter v2"
	// Loop prepares and returns what is measured, which it does n times.
	Loop func(e *Env) (loop func(n int) error, err error)
	// Once does everything once, and returns what it measured. It is called once a
	// round.
	Once func(e *Env) (Reading, error)
}

// A Reading is what one turn of a side measured.
type Reading map[Metric]float64

// A Metric is something measured, with its unit. A Once may have any of its own.
type Metric string

// The metrics of a Loop, by the operation.
const (
	Time         Metric = "ns"
	CPU          Metric = "ns of processor" // of all cores; less disturbed by others on the machine
	Allocs       Metric = "allocations"
	Bytes        Metric = "bytes"
	Instructions Metric = "instructions"
)

// A Claim is one row of the table.
type Claim struct {
	Of      string // what it is about, "time"; with the subject's name it is the row's
	Metric  Metric
	Ours    string // names of sides; "" is the first
	Against string // "" where Form is Value
	Form    Form
	Wanted  Bound
	Guard   Bound  // zero: "-quick" leaves the row out
	Limit   string // what bounds the row, one sentence
	// Possible is what nothing can go below, or the least that somebody has shown, of
	// what is wanted at most. nil: nobody knows.
	Possible *float64
	// TheirPart says which part of it the others do, where it is not all.
	TheirPart string
}

// A Form is how the readings of a round make one number.
type Form uint8

// The forms.
const (
	Ratio Form = iota // ours by theirs
	Times             // theirs by ours: how many times as much they need
	Extra             // ours less theirs
	Value             // ours alone
)

func (f Form) of(ours, theirs float64) float64 {
	switch f {
	case Ratio:
		return ours / theirs
	case Times:
		return theirs / ours
	case Extra:
		return ours - theirs
	default:
		return ours
	}
}

// suffix is what stands behind the number.
func (c Claim) suffix() string {
	switch {
	case c.Form == Ratio || c.Form == Times:
		return "x"
	case c.Metric == "":
		return ""
	default:
		return " " + string(c.Metric)
	}
}

// A Bound is what a number is held against. The zero Bound is none.
type Bound struct {
	Least bool // else at most
	Value float64
	set   bool
}

// AtMost and AtLeast make Bounds.
func AtMost(v float64) Bound { return Bound{Value: v, set: true} }

// AtLeast is the other one.
func AtLeast(v float64) Bound { return Bound{Least: true, Value: v, set: true} }

// Holds reports whether a number keeps the bound.
func (b Bound) Holds(v float64) bool {
	if b.Least {
		return v >= b.Value
	}
	return v <= b.Value
}

func (b Bound) text(suffix string) string {
	word := "at most "
	if b.Least {
		word = "at least "
	}
	return word + number(b.Value) + suffix
}

// number has three digits that count, and all before the point.
func number(v float64) string {
	if v >= 1000 || v <= -1000 {
		s := strconv.FormatFloat(v, 'f', 0, 64)
		for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	}
	return strconv.FormatFloat(roundTo(v, 3), 'f', -1, 64)
}

// An Env is where a side works. It is closed after the last round.
type Env struct {
	context.Context
	Dir      string // an empty folder, for a Once a new one each time
	cleanups []func() error
}

// Cleanup has f called when the side is done.
func (e *Env) Cleanup(f func() error) { e.cleanups = append(e.cleanups, f) }

func (e *Env) close() (err error) {
	for _, cleanup := range slices.Backward(e.cleanups) {
		if cerr := cleanup(); cerr != nil && err == nil {
			err = fmt.Errorf("clean up: %w", cerr)
		}
	}
	e.cleanups = nil
	return err
}
