package main

import "testing"

// The curve counts whether all that it measures is what its lines say.
func TestObserveCurve(t *testing.T) {
	c := observeCurve()
	r, err := c.at(t.Context(), crowds[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range c.Lines {
		if r[l.Metric] <= 0 {
			t.Errorf("%s: nothing was measured: %v", l.Name, r)
		}
	}
}
