package main

import (
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	run := Run{Date: "2026-11-22", Go: "go1.26", Cores: 2, System: "linux/amd64", Rounds: 7}
	page := (&Results{
		Rows: []Result{
			{
				Subject: "sender", Of: "instructions", Against: "a no-op", Wanted: "at most 1,000 instructions", Median: 978, Low: 978, High: 978,
				Suffix: " instructions", Unit: string(Instructions), Bound: 1000, Held: true, Possible: new(417.0), Limit: "hashing", Run: run,
			},
			{
				Subject: "poll", Of: "time", Against: "without", Wanted: "at most 1.03x", Median: 1.0815, Low: 0.9, High: 1.1,
				Suffix: "x", Unit: string(CPU), Bound: 1.03, Possible: new(1.0), Limit: "a channel", Run: run,
			},
			{
				Subject: "trace", Of: "time", Against: "GORM", Wanted: "at least 60x", Median: 300, Low: 250, High: 310, Suffix: "x",
				Unit: string(Time), Bound: 60, Least: true, Held: true, TheirPart: "a half", Limit: "memory", Run: run,
			},
			{
				Subject: "sender", Of: "allocations", Wanted: "at most 0 allocations", Suffix: " allocations", Unit: string(Allocs),
				Held: true, Possible: new(0.0), Limit: "none is made", Run: run,
			},
			{
				Subject: "server", Of: "ms", Wanted: "at most 10 ms", Suffix: " ms", Unit: string(milliseconds), Bound: 10,
				Possible: new(1.0), Limit: "a sync", Skipped: "no server", Run: run,
			},
		},
		Curves: []Points{
			{Name: "Get", Unit: "ns", People: []int{10_000, 100_000, million, 10 * million}, Costs: []float64{10, 20, 30, 4000}, Growth: "the disk", Run: run},
			{Name: "file", Unit: "bytes", People: []int{10_000, million}, Costs: []float64{300, 301}, Run: run},
		},
	}).page()
	for _, line := range []string{
		"| sender: instructions | a no-op | at most 1,000 instructions | 978 instructions | 97.8 % | 417 instructions | 561 instructions | instructions | 1 | hashing |",
		"| poll: time | without | at most 1.03x | 1.08x [0.9, 1.1] | **105 %** | 1x | 0.0815x | processor time | 7 | a channel |",
		"| trace: time | GORM (a half) | at least 60x | 300x [250, 310] | 20 % | - | - | wall time | 7 | memory |",
		"| sender: allocations | - | at most 0 allocations | 0 allocations | - | 0 allocations | 0 allocations | allocations | 7 | none is made |",
		"| server: ms | - | at most 10 ms | - | - | 1 ms | - | wall time | - | a sync |",
		"Measured on 2026-11-22, on linux/amd64 with 2 cores and go1.26.",
		"| Get | ns | 10 | 20 | 30 | 4,000 | 2026-11-22 | the disk |",
		"| file | bytes | 300 | - | 301 | - | 2026-11-22 | - |",
	} {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	columns := -1
	for line := range strings.Lines(page) {
		if n := strings.Count(line, "|"); !strings.HasPrefix(line, "|") {
			columns = -1
		} else if columns < 0 {
			columns = n
		} else if n != columns {
			t.Errorf("of %d columns: %s", columns, line)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}
