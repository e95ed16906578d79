package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// A table is rows of cells, the first of which is its head.
type table [][]string

// print aligns the columns as a terminal shows them, where a Chinese character is
// as wide as two letters.
func (t table) print(w io.Writer) {
	var widths []int
	for _, row := range t {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, row := range t {
		var line strings.Builder
		for i, cell := range row {
			if cell == "" {
				cell = "-"
			}
			line.WriteString(cell + strings.Repeat(" ", widths[i]-min(widths[i], uniseg.StringWidth(cell))+2))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}
