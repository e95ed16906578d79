package main

import "testing"

// The fewest rows that can be written of the trace.
func TestTraceComers(t *testing.T) {
	came := make(map[int]bool)
	for m := range trace(traceMessages) {
		came[m.person] = true
	}
	if len(came) != traceComers {
		t.Errorf("%d people came, not %d", len(came), traceComers)
	}
}
