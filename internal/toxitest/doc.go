// Package toxitest runs a whole middleware, and store/pgstore by itself, on a real
// Postgres behind a line that is slow, silent, cut or down: toxiproxy, built into the
// test. It is a module of its own, so that the proxy and what it needs get into nobody
// else's go.sum:
//
//	cd internal/toxitest && go test ./...
//
// Which troubles there are is in troubles_test.go. One is a random sequence of the
// others, whose seed is printed; -seed repeats it.
package toxitest
