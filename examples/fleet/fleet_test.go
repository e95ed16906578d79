package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/internal/pgtest"
)

func TestMain(m *testing.M) {
	if role, ok := os.LookupEnv(roleVariable); ok {
		os.Exit(perform(role))
	}
	if task, ok := os.LookupEnv(benchVariable); ok {
		if err := performBench(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.loop"))
}

// outcomes returns the lines of the story that tell of an outcome, as words.
func outcomes(story string) (lines [][]string) {
	for line := range strings.Lines(story) {
		if strings.HasPrefix(line, "    ") {
			lines = append(lines, strings.Fields(line))
		}
	}
	return lines
}

// pids returns the processes that the story tells of.
func pids(t *testing.T, story string) (ids []int) {
	t.Helper()
	for _, words := range outcomes(story) {
		if len(words) == 4 && words[2] == "process" {
			id, err := strconv.Atoi(words[3])
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

func checkStory(t *testing.T, story string, people int) {
	t.Helper()
	creators := make(map[string]int)
	brought := make(map[string]int)
	for _, words := range outcomes(story) {
		switch {
		case slices.Contains(words, "failed"):
			t.Errorf("%q", words)
		case len(words) > 3 && words[3] == "created":
			creators[words[2]]++
		case len(words) > 4 && words[4] == "delivered":
			brought[words[2]+" "+words[3]]++
		}
	}
	if len(creators) != people {
		t.Errorf("%d people were created, want %d", len(creators), people)
	}
	for key, times := range creators {
		if times != 1 {
			t.Errorf("%s was created %d times", key, times)
		}
		for _, backend := range mirrorNames {
			if brought[backend+" "+key] == 0 {
				t.Errorf("%s was never told to be delivered to %s", key, backend)
			}
		}
	}
	if got := strings.Count(story, "kill -9"); got != 2 {
		t.Errorf("%d processes were killed, want 2", got)
	}
	want := fmt.Sprintf("\n%d in all, %d created by this run, 0 of them twice. Owed: 0 to Monosay, 0 to the webhook. Killed: 2 processes. Lost: 0 people.\n", people, people)
	if !strings.HasSuffix(story, want) {
		t.Errorf("the story does not end in %q", want)
	}
	checkGone(t, story, 6)
}

// checkGone fails for each process that is still there.
func checkGone(t *testing.T, story string, started int) {
	t.Helper()
	ids := pids(t, story)
	if len(ids) != started {
		t.Errorf("%d processes were started, want %d", len(ids), started)
	}
	for _, id := range ids {
		if p, err := os.FindProcess(id); err == nil && p.Signal(syscall.Signal(0)) == nil {
			t.Errorf("process %d is still there", id)
		}
	}
}

func TestNobodyIsLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		people int
		store  func(t *testing.T) storeOptions
	}{
		{"sqlite", 16, func(t *testing.T) storeOptions { return storeOptions{File: filepath.Join(t.TempDir(), "users.db")} }},
		{"postgres", 120, func(t *testing.T) storeOptions { return storeOptions{Postgres: pgtest.DSN(t), Space: pgtest.Schema(t)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of it is the wait for a claim to end
			var stdout, stderr bytes.Buffer
			err := run(t.Context(), options{store: c.store(t), people: c.people}, &stdout, &stderr)
			checkStory(t, stdout.String(), c.people)
			if err != nil || t.Failed() {
				t.Errorf("%v\n%s%s", err, stdout.String(), stderr.String())
			}
		})
	}
}

// A notice is closed when a text was written.
type notice struct {
	bytes.Buffer
	text    string
	written chan struct{}
}

func (n *notice) Write(p []byte) (int, error) {
	if n.text != "" && strings.Contains(string(p), n.text) {
		n.text = ""
		close(n.written)
	}
	return n.Buffer.Write(p)
}

func TestInterruptLeavesNoProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	story := &notice{text: "deliverer  is process", written: make(chan struct{})}
	go func() {
		<-story.written
		cancel()
	}()
	o := options{store: storeOptions{File: filepath.Join(t.TempDir(), "users.db")}, people: 8}
	var stderr bytes.Buffer
	if err := run(ctx, o, story, &stderr); !errors.Is(err, context.Canceled) {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	checkGone(t, story.String(), 4)
}

// The parent is killed: what it started learns of that from standard input.
func TestKilledParentLeavesNoProcess(t *testing.T) {
	o := options{store: storeOptions{File: filepath.Join(t.TempDir(), "users.db")}, people: 8}
	told := make(chan report, 100)
	p, err := role{Name: guild, Kind: kindDiscord, Store: o.store}.start(t.Context(), os.Stderr, func(r report) { told <- r })
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{running: map[string]*process{guild: p}}
	if err := f.push(newCast(8).say("hello")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-told:
	case <-time.After(patience):
		t.Fatal("the test is blind: the process does not work")
	}
	if err := p.stdin.Close(); err != nil { // as the system does for a dead parent
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Error("the process outlives its parent")
	}
}
