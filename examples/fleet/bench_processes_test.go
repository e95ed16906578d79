package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// BenchmarkProcesses has 1 to 8 processes change random people among 100,000, the
// same amount of work in all, and tells what a change costs compared with one
// process: where they meet over the same people, and where each has its own.
func BenchmarkProcesses(b *testing.B) {
	eachStore(b, func(b *testing.B, o storeOptions, st store.Outbox) {
		fill(b, st, 0)
		version := 0
		for _, audience := range []string{"shared", "own"} {
			b.Run(audience, func(b *testing.B) {
				counts := []int{1, 2, 4, 8}
				times := make(map[int][]time.Duration)
				for b.Loop() {
					for _, n := range counts {
						version++
						times[n] = append(times[n], benchProcesses(b, o, n, version, audience == "own"))
					}
				}
				b.ReportMetric(benchChanges/median(times[1]).Seconds(), "changes/s")
				for _, n := range counts[1:] {
					b.ReportMetric(median(times[n]).Seconds()/median(times[1]).Seconds(), fmt.Sprintf("cost-of-%d", n))
				}
			})
		}
	})
}

// A benchTask is what one of the processes does.
type benchTask struct {
	Store            storeOptions
	Batches, Version int
	First, People    int // of whom it changes some
}

// benchProcesses returns how long n processes took together, all ready before.
func benchProcesses(b *testing.B, o storeOptions, n, version int, own bool) time.Duration {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	var others []*exec.Cmd
	var begin []func() error
	for i := range n {
		task := benchTask{Store: o, Batches: benchChanges / benchBatch / n, Version: version, People: benchPeople}
		if own {
			task.First, task.People = i*benchPeople/n, benchPeople/n
		}
		text, err := json.Marshal(task)
		if err != nil {
			b.Fatal(err)
		}
		cmd := exec.CommandContext(b.Context(), exe)
		cmd.Env = append(os.Environ(), benchVariable+"="+string(text))
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		others, begin = append(others, cmd), append(begin, stdin.Close)
	}
	return timed(b, func() (err error) {
		for _, start := range begin {
			err = errors.Join(err, start())
		}
		for _, cmd := range others {
			err = errors.Join(err, cmd.Wait())
		}
		return err
	})
}

// performBench is one of the processes.
func performBench(text string) error {
	var task benchTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return err
	}
	st, closeStore, err := task.Store.open(context.Background())
	if err != nil {
		return err
	}
	defer closeStore()
	batches := make([][]store.Record, task.Batches)
	for i := range batches {
		for _, n := range rand.Perm(task.People)[:benchBatch] {
			batches[i] = append(batches[i], benchDelta(task.First+n, task.Version))
		}
	}
	fmt.Println("ready")
	untilEnd(os.Stdin)
	for _, deltas := range batches {
		for { // SQLite's locks know no turns: the middleware would come back too
			_, err := st.Apply(context.Background(), deltas)
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrUnavailable) {
				return err
			}
		}
	}
	return nil
}
