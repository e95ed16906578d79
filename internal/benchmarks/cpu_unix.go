//go:build unix

package main

import (
	"syscall"
	"time"
)

// processorTime returns how long the processors have worked for this process, which
// others on the machine disturb less than they do the time on the wall.
func processorTime() (spent time.Duration, ok bool) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
