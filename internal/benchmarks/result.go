package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// Results is what docs/benchmarks.json holds. Neither a host nor a path is in it.
type Results struct {
	Rows   []Result `json:"rows"`
	Curves []Points `json:"curves"`
}

// A Result is what was measured of one Claim.
type Result struct {
	Subject string `json:"subject"`
	Of      string `json:"of"`
	Against string `json:"against,omitempty"`
	Wanted  string `json:"wanted"`
	// Median, Low and High are of the rounds; Suffix is their unit, "x" for ratios.
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Suffix string  `json:"suffix"`
	// Ours and Theirs are the medians that the ratio is made of, in Unit.
	Ours   float64 `json:"ours,omitempty"`
	Theirs float64 `json:"theirs,omitempty"`
	Unit   string  `json:"unit,omitempty"`
	Bound  float64 `json:"bound"`
	Least  bool    `json:"least,omitempty"`
	Held   bool    `json:"held"`
	// Skipped says why it was not measured.
	Skipped string `json:"skipped,omitempty"`
	// What the Claim says besides.
	Limit     string   `json:"limit"`
	Possible  *float64 `json:"possible,omitempty"`
	TheirPart string   `json:"theirPart,omitempty"`
	Run       Run      `json:"run"`
}

// A Run is where and when something was measured.
type Run struct {
	Date   string `json:"date"`
	Go     string `json:"go"`
	Cores  int    `json:"cores"`
	System string `json:"system"`
	Rounds int    `json:"rounds"`
}

func thisRun(rounds int) Run {
	return Run{
		Date: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(), Cores: runtime.NumCPU(),
		System: runtime.GOOS + "/" + runtime.GOARCH, Rounds: rounds,
	}
}

// judge makes the Result of one Claim, which is skipped where something was lacking.
func (s Subject) judge(c Claim, readings map[string][]Reading, lacks string) (Result, error) {
	ours := c.Ours
	if ours == "" {
		ours = s.Sides[0].Name
	}
	r := Result{
		Subject: s.Name, Of: c.Of, Against: c.Against, Wanted: c.Wanted.text(c.suffix()), Suffix: c.suffix(),
		Unit: string(c.Metric), Bound: c.Wanted.Value, Least: c.Wanted.Least, Run: thisRun(len(readings[ours])),
	}
	r.explain(c)
	if r.Skipped = lacks; lacks != "" {
		return r, nil
	}
	var values, mine, others []float64
	for i, reading := range readings[ours] {
		own, ok := reading[c.Metric]
		their, also := own, true
		if c.Form != Value {
			if readings[c.Against] == nil {
				return r, fmt.Errorf("%s: there is no side %q", s.Name, c.Against)
			}
			their, also = readings[c.Against][i][c.Metric]
		}
		if !ok || !also {
			if c.Metric == Instructions {
				r.Skipped = errNoValgrind.Error()
				return r, nil
			}
			return r, fmt.Errorf("%s: nobody measured %s", s.Name, c.Metric)
		}
		values = append(values, c.Form.of(own, their))
		mine, others = append(mine, own), append(others, their)
	}
	r.Median, r.Low, r.High = median(values)
	r.Ours, _, _ = median(mine)
	if c.Form != Value {
		r.Theirs, _, _ = median(others)
	}
	r.Held = c.Wanted.Holds(r.Median)
	for _, v := range []*float64{&r.Median, &r.Low, &r.High, &r.Ours, &r.Theirs} {
		*v = roundTo(*v, 4)
	}
	return r, nil
}

// explain takes in what c says that is not measured.
func (r *Result) explain(c Claim) {
	r.Limit, r.Possible, r.TheirPart = c.Limit, c.Possible, c.TheirPart
}

// roundTo keeps so many digits that count.
func roundTo(v float64, digits int) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil {
		return v
	}
	return rounded
}

func loadResults(name string) (*Results, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &Results{}, nil
	} else if err != nil {
		return nil, err
	}
	r := new(Results)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// put takes a Result in, in place of an earlier one. What was not measured now stays
// as it was.
func (r *Results) put(n Result) {
	i := slices.IndexFunc(r.Rows, func(o Result) bool {
		return o.Subject == n.Subject && o.Of == n.Of && o.Against == n.Against
	})
	switch {
	case i < 0:
		r.Rows = append(r.Rows, n)
	case n.Skipped == "":
		r.Rows[i] = n
	}
}

// arrange brings rows and curves into the order of the subjects' and of those that
// measure them, explains them as these do now, and lets go of what is no longer there.
func (r *Results) arrange(subjects []Subject, curves []Curve) {
	var rows []Result
	for _, s := range subjects {
		for _, c := range s.Claims {
			for _, row := range r.Rows {
				if row.Subject == s.Name && row.Of == c.Of && row.Against == c.Against {
					row.explain(c)
					rows = append(rows, row)
				}
			}
		}
	}
	var lines []Points
	for _, c := range curves {
		for _, l := range c.Lines {
			for _, p := range r.Curves {
				if p.Name == l.Name {
					p.Growth = l.Growth
					lines = append(lines, p)
				}
			}
		}
	}
	r.Rows, r.Curves = rows, lines
}
