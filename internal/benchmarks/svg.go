package main

import (
	"fmt"
	"html"
	"strings"
)

// style serves readers of light and of dark pages.
const style = `<style>
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;fill:#1f2328}
.small{font-size:11px;fill:#59636e}
.head{font-size:14px;font-weight:600}
.track{fill:#818b981f}
.held{fill:#2a78d6}
.missed{fill:#d4622a}
.wanted{stroke:#1f2328;stroke-width:1.5}
.grid{stroke:#818b9833}
.line{stroke-width:2}
.c0{stroke:#2a78d6;fill:#2a78d6}.c1{stroke:#b35a00;fill:#b35a00}.c2{stroke:#1a7f5a;fill:#1a7f5a}.c3{stroke:#8250df;fill:#8250df}.c4{stroke:#a4234f;fill:#a4234f}.c5{stroke:#6e7781;fill:#6e7781}.c6{stroke:#0e7c86;fill:#0e7c86}
polyline.line{fill:none}
@media(prefers-color-scheme:dark){
text{fill:#f0f6fc}
.small{fill:#9198a1}
.held{fill:#58a0f5}
.missed{fill:#f0883e}
.wanted{stroke:#f0f6fc}
.c0{stroke:#58a0f5;fill:#58a0f5}.c1{stroke:#f0a04e;fill:#f0a04e}.c2{stroke:#3fb98a;fill:#3fb98a}.c3{stroke:#b48ef5;fill:#b48ef5}.c4{stroke:#f07a9e;fill:#f07a9e}.c5{stroke:#9198a1;fill:#9198a1}.c6{stroke:#4cc2cc;fill:#4cc2cc}
}
</style>
`

func svg(height int, body string) string {
	const width = 700
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n",
		width, height, width, height) + style + body + "</svg>\n"
}

func label(x, y int, class, text string) string {
	return fmt.Sprintf(`<text x="%d" y="%d" class="%s">%s</text>`+"\n", x, y, class, html.EscapeString(text))
}

// bars draws one bar a row: what it costs, as a share of what is wanted, so that rows
// of all units stand side by side. A bar that ends before the line is held. Rows of one
// subject stand below its name.
func bars(rows []Result) string {
	const (
		top, high, gap = 46, 18, 24
		left, limit    = 376, 506 // where bars begin, and where the line is
		right          = 566      // no bar is longer
		bar            = 11
	)
	var b strings.Builder
	b.WriteString(label(0, 16, "head", "What rollcall costs, as a share of the most that was wanted"))
	b.WriteString(label(0, 33, "small", "The line is what was wanted; a bar that ends before it is held."))
	y, subject := top, ""
	for _, r := range rows {
		if r.Skipped != "" {
			continue
		}
		if r.Subject != subject {
			subject = r.Subject
			b.WriteString(label(0, y+14, "", subject))
			y += gap
		}
		of := r.Of
		if r.Against != "" {
			of += ", against " + r.Against
		}
		class := "held"
		if !r.Held {
			class = "missed"
		}
		length := min(max(1, int(r.share()*(limit-left))), right-left)
		b.WriteString(label(12, y+10, "small", of))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" class="track"/>`+"\n", left, y+1, right-left, bar)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="2" class="%s"/>`+"\n", left, y+1, length, bar, class)
		b.WriteString(label(right+8, y+11, "", number(r.Median)+r.Suffix))
		y += high
	}
	fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" class="wanted"/>`+"\n", limit, top, limit, y-4)
	return svg(y+4, b.String())
}

// share is how much of what is wanted is used up.
func (r Result) share() float64 {
	switch {
	case r.Bound == 0:
		return max(0, 2*r.Median)
	case r.Least:
		return r.Bound / r.Median
	default:
		return max(0, r.Median/r.Bound)
	}
}
