package main

import "path/filepath"

// The files that are made of the results, from where the Makefile runs this.
var (
	root        = filepath.Join("..", "..")
	resultsFile = filepath.Join(root, "docs", "benchmarks.json")
)

// write makes them.
func (r *Results) write() error {
	return r.save(resultsFile)
}
