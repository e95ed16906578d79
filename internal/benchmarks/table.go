package main

import "fmt"

// widths are of one table, which comes row by row, so that nobody waits for the whole
// of it.
const widths = "%-34.34s %-22.22s %-30.30s %-26s %-30s %s\n"

func tableHead() string {
	return fmt.Sprintf(widths, "what", "", "against", "wanted", "measured [lowest, highest]", "")
}

func (r Result) line() string {
	return fmt.Sprintf(widths, r.Subject, r.Of, r.Against, r.Wanted, r.measured(), r.verdict())
}

func (r Result) measured() string {
	if r.Skipped != "" {
		return "-"
	}
	s := number(r.Median) + r.Suffix
	if r.Low != r.High {
		s += fmt.Sprintf(" [%s, %s]", number(r.Low), number(r.High))
	}
	return s
}

func (r Result) verdict() string {
	switch {
	case r.Skipped != "":
		return "not measured: " + r.Skipped
	case r.Held:
		return "held"
	default:
		return "NOT HELD: " + r.Limit
	}
}
