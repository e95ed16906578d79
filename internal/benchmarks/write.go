package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files that are made of the results, from where the Makefile runs this.
var (
	root        = filepath.Join("..", "..")
	resultsFile = filepath.Join(root, "docs", "benchmarks.json")
	barsFile    = filepath.Join(root, "docs", "benchmarks.svg")
	sizesFile   = filepath.Join(root, "docs", "benchmarks-size.svg")
	readmeFile  = filepath.Join(root, "README.md")
)

// write makes them.
func (r *Results) write() error {
	if err := r.save(resultsFile); err != nil {
		return err
	}
	if err := os.WriteFile(barsFile, []byte(bars(r.Rows)), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(sizesFile, []byte(sizes(r.Curves)), 0o644); err != nil {
		return err
	}
	readme, err := os.ReadFile(readmeFile)
	if err != nil {
		return err
	}
	text, err := putBlock(string(readme), r.block())
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(readmeFile), err)
	}
	return os.WriteFile(readmeFile, []byte(text), 0o644)
}

// These stand around the README's block.
const (
	blockBegin = "<!-- benchmarks -->\n"
	blockEnd   = "<!-- /benchmarks -->\n"
)

func putBlock(readme, block string) (string, error) {
	before, rest, begins := strings.Cut(readme, blockBegin)
	_, after, ends := strings.Cut(rest, blockEnd)
	if !begins || !ends {
		return "", errors.New("it has no place for the benchmarks")
	}
	return before + blockBegin + block + blockEnd + after, nil
}

// block is the README's table.
func (r *Results) block() string {
	var b strings.Builder
	b.WriteString("![What rollcall costs, as a share of the most that was wanted](docs/benchmarks.svg)\n\n")
	b.WriteString("| what | against | wanted | measured | |\n|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		verdict := "held"
		if !row.Held {
			verdict = "**not held**: " + row.Limit
		}
		if row.Skipped != "" {
			verdict = "not measured"
		}
		fmt.Fprintf(&b, "| %s: %s | %s | %s | %s | %s |\n",
			row.Subject, row.Of, cmp.Or(row.Against, "-"), row.Wanted, number(row.Median)+row.Suffix, verdict)
	}
	if len(r.Rows) > 0 {
		newest := slices.MaxFunc(r.Rows, func(a, b Result) int { return strings.Compare(a.Run.Date, b.Run.Date) }).Run
		fmt.Fprintf(&b, "\nMedians, measured until %s on %s with %d cores and %s. [All figures](docs/benchmarks.json),\nand [by the number of people](docs/benchmarks-size.svg).\n",
			newest.Date, newest.System, newest.Cores, newest.Go)
	}
	return b.String()
}
