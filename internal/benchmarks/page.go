package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// words says what the page's columns mean.
const words = `# What was measured

` + "`make bench`" + ` measures this and writes the page from [benchmarks.json](benchmarks.json), so it is not
edited by hand.

- **against**: who does the same in the same run, turn by turn. In brackets: which part of
  it, where they do not do all.
- **wanted**: what was asked for before it was measured. An x is a ratio, made of one turn
  of each side: with "at most", of what rollcall takes to what the other takes; with "at
  least", of what rollcall gets done to what the other gets done.
- **measured**: the median of the rounds, and [the lowest, the highest].
- **used**: the share of what was wanted that is used up. Up to 100 % the row is held; more
  is not, and stands in bold.
- **possible**: what nothing can go below, or the least that somebody has shown. **away**: how
  far above that the median is, which of a row of 1x is all that rollcall adds. "-": nobody
  knows.
- **counted**: processor time is that of all cores, which others on the machine disturb
  less; wall time is what a clock shows. Instructions are counted by cachegrind, once.
- **rounds**: how often each side had its turn.

`

// page is docs/benchmarks.md.
func (r *Results) page() string {
	var b strings.Builder
	b.WriteString(words)
	tableOf(&b, "what", "against", "wanted", "measured", "used", "possible", "away", "counted", "rounds", "what limits it")
	for _, row := range r.Rows {
		against := cmp.Or(row.Against, "-")
		if row.TheirPart != "" {
			against += " (" + row.TheirPart + ")"
		}
		possible, away := row.distance()
		rounds := "-"
		if row.Skipped == "" {
			rounds = fmt.Sprint(row.rounds())
		}
		cells(&b, row.Subject+": "+row.Of, against, row.Wanted, row.measured(), row.used(), possible, away, row.counted(), rounds, row.Limit)
	}
	if len(r.Rows) > 0 {
		fmt.Fprintf(&b, "\nMeasured %s.\n", when(r.Rows))
	}
	b.WriteString("\n## By the number of people\n\nOf one round. Everybody is as likely to come as anybody else, the worst there is for a\ncache. [Drawn](benchmarks-size.svg).\n\n")
	heads := []string{"what", "counted in"}
	for _, people := range crowds {
		heads = append(heads, number(float64(people)))
	}
	tableOf(&b, append(heads, "on", "why it grows")...)
	for _, p := range r.Curves {
		row := []string{p.Name, p.Unit}
		for _, people := range crowds {
			cost := "-"
			if i := slices.Index(p.People, people); i >= 0 {
				cost = number(p.Costs[i])
			}
			row = append(row, cost)
		}
		cells(&b, append(row, p.Run.Date, cmp.Or(p.Growth, "-"))...)
	}
	return b.String()
}

func tableOf(b *strings.Builder, heads ...string) {
	cells(b, heads...)
	b.WriteString(strings.Repeat("|---", len(heads)) + "|\n")
}

func cells(b *strings.Builder, texts ...string) {
	b.WriteString("| " + strings.Join(texts, " | ") + " |\n")
}

// used is the share of what was wanted. Of nothing there is none.
func (r Result) used() string {
	if r.Skipped != "" || r.Bound == 0 {
		return "-"
	}
	s := number(100*r.share()) + " %"
	if !r.Held {
		s = "**" + s + "**"
	}
	return s
}

// distance returns what is possible, and how far above it the median is.
func (r Result) distance() (possible, away string) {
	possible, away = "-", "-"
	if r.Possible != nil {
		possible = number(*r.Possible) + r.Suffix
		if r.Skipped == "" {
			away = number(r.Median-*r.Possible) + r.Suffix
		}
	}
	return possible, away
}

const (
	processor = "processor time"
	wall      = "wall time"
)

// counted is in what.
func (r Result) counted() string {
	switch Metric(r.Unit) {
	case CPU:
		return processor
	case Time, milliseconds:
		return wall
	default:
		return r.Unit
	}
}

// rounds is how often it was measured. Instructions are, once for all rounds.
func (r Result) rounds() int {
	if Metric(r.Unit) == Instructions {
		return 1
	}
	return r.Run.Rounds
}

// when tells the days of the rows, of which there are some, and where the last was.
func when(rows []Result) string {
	byDate := func(a, b Result) int { return strings.Compare(a.Run.Date, b.Run.Date) }
	first, last := slices.MinFunc(rows, byDate).Run, slices.MaxFunc(rows, byDate).Run
	days := "on " + last.Date
	if first.Date != last.Date {
		days = "from " + first.Date + " to " + last.Date
	}
	return fmt.Sprintf("%s, on %s with %d cores and %s", days, last.System, last.Cores, last.Go)
}
