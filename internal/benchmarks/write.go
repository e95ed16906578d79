package main

import (
	"cmp"
	"encoding/json"
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
	pageFile    = filepath.Join(root, "docs", "benchmarks.md")
	barsFile    = filepath.Join(root, "docs", "benchmarks.svg")
	sizesFile   = filepath.Join(root, "docs", "benchmarks-size.svg")
	readmeFile  = filepath.Join(root, "README.md")
)

// write makes them.
func (r *Results) write() error {
	files, err := r.files()
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(name, []byte(text), 0o644))
	}
	return err
}

// files returns their texts by their names.
func (r *Results) files() (map[string]string, error) {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, err
	}
	readme, err := os.ReadFile(readmeFile)
	if err != nil {
		return nil, err
	}
	text, err := putBlock(string(readme), r.block())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(readmeFile), err)
	}
	return map[string]string{
		resultsFile: string(data) + "\n",
		pageFile:    r.page(),
		barsFile:    bars(r.Rows),
		sizesFile:   sizes(r.Curves),
		readmeFile:  text,
	}, nil
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
	b.WriteString("\n" + summary(r.Rows) + "[What the words mean, and how far each row is from its limit](docs/benchmarks.md);\n" +
		"[all figures](docs/benchmarks.json); [by the number of people](docs/benchmarks-size.svg).\n")
	return b.String()
}

// summary says how the rows were measured, "" where none was.
func summary(rows []Result) string {
	var measured []Result
	var single, byProcessor, byWall int
	var parts []string
	for _, row := range rows {
		if row.Skipped != "" {
			continue
		}
		measured = append(measured, row)
		if row.rounds() == 1 {
			single++
		}
		switch row.counted() {
		case processor:
			byProcessor++
		case wall:
			byWall++
		}
		if row.TheirPart != "" {
			parts = append(parts, row.TheirPart)
		}
	}
	if len(measured) == 0 {
		return ""
	}
	s := fmt.Sprintf("Medians, measured %s.\nOf %d rows %d are of one round, or of instructions, which are counted once; time is processor time in %d and wall time in %d",
		when(measured), len(measured), single, byProcessor, byWall)
	if len(parts) > 0 {
		s += fmt.Sprintf(";\nin %d the others do only %s", len(parts), strings.Join(slices.Compact(slices.Sorted(slices.Values(parts))), " or "))
	}
	return s + ".\n"
}
