package main

import (
	"fmt"
	"math"
	"strings"
)

// sizes draws what things cost by the number of people, each against what it costs
// with the fewest, so that what does not grow is level. Both axes are logarithms.
func sizes(curves []Points) string {
	const (
		left, top   = 50, 52
		wide, high  = 320, 260
		legend      = left + wide + 24
		fewest      = 10_000
		magnitudes  = 3 // of people
		least, most = 0.1, 100.0
		colours     = 7 // of style
	)
	x := func(people int) float64 {
		return left + wide*math.Log10(float64(people)/fewest)/magnitudes
	}
	y := func(ratio float64) float64 {
		ratio = min(max(ratio, least), most)
		return top + high*(1-math.Log10(ratio/least)/math.Log10(most/least))
	}
	var b strings.Builder
	b.WriteString(label(0, 16, "head", "What it costs by the number of people"))
	b.WriteString(label(0, 33, "small", "Each as a multiple of what it costs with the fewest."))
	for ratio := least; ratio <= most*1.01; ratio *= 10 {
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" class="grid"/>`+"\n", left, y(ratio), left+wide, y(ratio))
		b.WriteString(label(4, int(y(ratio))+4, "small", number(ratio)+"x"))
	}
	for people := fewest; people <= fewest*1000; people *= 10 {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" class="grid"/>`+"\n", x(people), top, x(people), top+high)
		b.WriteString(label(int(x(people))-18, top+high+16, "small", number(float64(people))))
	}
	for i, c := range curves {
		class := fmt.Sprintf("c%d", i%colours)
		var points strings.Builder
		for j, people := range c.People {
			px, py := x(people), y(c.Costs[j]/c.Costs[0])
			fmt.Fprintf(&points, "%.1f,%.1f ", px, py)
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" class="%s"/>`+"\n", px, py, class)
		}
		fmt.Fprintf(&b, `<polyline points="%s" class="line %s"/>`+"\n", strings.TrimSpace(points.String()), class)
		at := top + 12 + 40*i
		last := len(c.Costs) - 1
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="10" height="10" class="%s"/>`+"\n", legend, at-9, class)
		b.WriteString(label(legend+16, at, "", c.Name))
		b.WriteString(label(legend+16, at+15, "small", fmt.Sprintf("%s to %s %s", number(c.Costs[0]), number(c.Costs[last]), c.Unit)))
	}
	return svg(max(top+high+28, top+40*len(curves)+20), b.String())
}
