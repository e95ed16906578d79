package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is checked in is what the figures that are checked in make, with what is said of
// the rows today.
func TestWritten(t *testing.T) {
	results, err := loadResults(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(results.Rows) == 0 || len(results.Curves) == 0 {
		t.Fatal("there are no figures")
	}
	results.arrange(subjects(), curves())
	files, err := results.files()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if written, err := os.ReadFile(name); err != nil {
			t.Error(err)
		} else if string(written) != text {
			t.Errorf("%s is not what the figures make: go run . -rounds 0 -write", filepath.Base(name))
		}
	}
}

func TestClaimsAreExplained(t *testing.T) {
	type row struct{ subject, of, against string }
	rows := make(map[row]bool)
	for _, s := range subjects() {
		for _, c := range s.Claims {
			at := row{s.Name, c.Of, c.Against}
			if rows[at] {
				t.Errorf("%s is there twice: one of them would be lost", at)
			}
			rows[at] = true
			if c.Limit == "" {
				t.Errorf("%s has no Limit", at)
			}
			if c.Possible != nil && (c.Wanted.Least || *c.Possible > c.Wanted.Value) {
				t.Errorf("%s: more is possible than wanted, or it is wanted at least", at)
			}
		}
	}
}

func TestArrange(t *testing.T) {
	results := &Results{
		Rows:   []Result{{Subject: "b", Of: "time", Limit: "old"}, {Subject: "gone", Of: "time"}, {Subject: "a", Of: "time", Median: 3}},
		Curves: []Points{{Name: "y"}, {Name: "gone"}, {Name: "x", Growth: "old"}},
	}
	results.arrange(
		[]Subject{{Name: "a", Claims: []Claim{{Of: "time", Limit: "new", Possible: new(2.0), TheirPart: "half"}}}, {Name: "b", Claims: []Claim{{Of: "time", Limit: "newer"}}}},
		[]Curve{{Lines: []Line{{Name: "x", Growth: "new"}, {Name: "never measured"}, {Name: "y"}}}},
	)
	if rows := results.Rows; len(rows) != 2 || rows[0].Subject != "a" || rows[1].Limit != "newer" {
		t.Errorf("the rows are %+v", rows)
	} else if a := rows[0]; a.Median != 3 || a.Limit != "new" || *a.Possible != 2 || a.TheirPart != "half" {
		t.Errorf("a is %+v", a)
	}
	if lines := results.Curves; len(lines) != 2 || lines[0].Name != "x" || lines[0].Growth != "new" || lines[1].Name != "y" {
		t.Errorf("the curves are %+v", lines)
	}
}

func TestSummary(t *testing.T) {
	run := func(rounds int, date string) Run {
		return Run{Date: date, Go: "go1.26", Cores: 2, System: "linux/amd64", Rounds: rounds}
	}
	rows := []Result{
		{Unit: string(CPU), Run: run(7, "2026-11-22")},
		{Unit: string(Time), Run: run(3, "2026-11-20")},
		{Unit: string(milliseconds), Run: run(1, "2026-11-21")},
		{Unit: string(Instructions), Run: run(7, "2026-11-21")},
		{Unit: string(Time), Run: run(1, "2026-11-21"), TheirPart: "the half"},
		{Unit: string(Time), Run: run(1, "2026-11-23"), TheirPart: "the whole", Skipped: "no server"},
	}
	const want = "Medians, measured from 2026-11-20 to 2026-11-22, on linux/amd64 with 2 cores and go1.26.\n" +
		"Of 5 rows 3 are of one round, or of instructions, which are counted once; time is processor time in 1 and wall time in 3;\n" +
		"in 1 the others do only the half.\n"
	if got := summary(rows); got != want {
		t.Errorf("it says %q, not %q", got, want)
	}
	if got := summary(rows[:1]); strings.Contains(got, "the others") || !strings.Contains(got, "measured on 2026-11-22,") {
		t.Errorf("of one row it says %q", got)
	}
	if got := summary(rows[5:]); got != "" {
		t.Errorf("of none it says %q", got)
	}
}

func TestPutBlock(t *testing.T) {
	got, err := putBlock("before\n"+blockBegin+"old\n"+blockEnd+"after\n", "new\n")
	if want := "before\n" + blockBegin + "new\n" + blockEnd + "after\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := putBlock("before\n"+blockBegin+"old\n", "new\n"); err == nil {
		t.Error("without an end it found a place")
	}
}
