package sqlitestore_test

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/storetest"
)

// otherProcess does one task of the tests below, and returns the exit code.
func otherProcess(task string) int {
	name, path, _ := strings.Cut(task, " ")
	st, err := openPatiently(path)
	if err == nil {
		switch name {
		case "serve":
			err = storetest.Serve(st, os.Stdin, os.Stdout)
		case "hammer":
			err = processtest.Hammer(st, sharedDeltas(), uint64(os.Getpid()))
		case "write-until-killed":
			err = writeUntilKilled(st)
		case "enroll":
			st.SetStep(100)
			err = st.Enroll(context.Background(), "crm")
		}
	}
	if err == nil {
		err = st.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func process(t *testing.T, task, path string) *exec.Cmd {
	t.Helper()
	return processtest.Command(t.Context(), t, "SQLITESTORE_TASK="+task+" "+path)
}

// sharedDeltas are the same in every process.
func sharedDeltas() []store.Record { return processtest.Deltas(100, 5) }

func TestProcessesOnOneFileMerge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	// They also race to create the file.
	var others []*exec.Cmd
	for range 2 {
		cmd := process(t, "hammer", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		others = append(others, cmd)
	}
	st := open(t, path)
	if err := processtest.Hammer(st, sharedDeltas(), 0); err != nil {
		t.Error(err)
	}
	for _, cmd := range others {
		if err := cmd.Wait(); err != nil {
			t.Errorf("another process: %v", err)
		}
	}
	for key, r := range processtest.Merged(sharedDeltas()) {
		if got, err := st.Get(t.Context(), key); err != nil || !got.Equal(r) {
			t.Errorf("%s is not what the deltas merge to: %v", key, err)
		}
	}
}

// A killing is how much TestKillLosesNothingAcknowledged does.
type killing struct {
	processes int
	batches   int // of each process before it is killed, at the most
	people    int // in a batch
	bio       int // bytes
}

func killingOf() killing {
	switch {
	case os.Getenv("ROLLCALL_SOAK") != "":
		return killing{processes: 2000, batches: 45, people: 250, bio: 100}
	case os.Getenv("ROLLCALL_PROVE") != "":
		return killing{processes: 200, batches: 45, people: 250, bio: 100}
	}
	return killing{processes: 3, batches: 25, people: 20, bio: 2000}
}

// killedProcess is the number of a process that is to be killed, in its environment.
const killedProcess = "SQLITESTORE_KILLED"

func writeUntilKilled(st store.Store) error {
	k := killingOf()
	process, err := strconv.Atoi(cmp.Or(os.Getenv(killedProcess), "0"))
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		var deltas []store.Record
		for i := range k.people {
			deltas = append(deltas, observed(killedKey(process, n, i), epoch, map[store.Field]string{store.FieldBio: strings.Repeat("b", k.bio)}))
		}
		if _, err := st.Apply(context.Background(), deltas); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func killedKey(process, n, i int) store.Key {
	return store.Key{Channel: "telegram", UserID: fmt.Sprintf("%d:%d:%d", process, n, i)}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	st := open(t, path)
	ctx, stop := context.WithCancel(t.Context())
	beside := make(chan error, 1)
	go func() { // the bot that lives on
		var err error
		for n := 0; err == nil && ctx.Err() == nil; n++ {
			_, err = st.Apply(context.WithoutCancel(ctx), []store.Record{observed(ann, epoch.Add(time.Duration(n)), nil)})
			time.Sleep(2 * time.Millisecond) // SQLite's locks know no turns
		}
		beside <- err
	}()
	k := killingOf()
	acked := make([]int, k.processes) // batches
	for p := range acked {
		cmd := process(t, "write-until-killed", path)
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", killedProcess, p))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for enough := 1 + rand.IntN(k.batches); lines.Scan(); {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(err)
			}
			if acked[p] = n + 1; acked[p] == enough {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // killed
	}
	kept := make([]int, k.processes) // people of those batches
	for person, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		var p, n, i int
		if parts, _ := fmt.Sscanf(person.UserID, "%d:%d:%d", &p, &n, &i); parts == 3 && n < acked[p] {
			kept[p]++
		}
	}
	total := 0
	for p, batches := range acked {
		total += k.people * batches
		if kept[p] != k.people*batches {
			t.Errorf("of %d people whom process %d was told are saved %d are there", k.people*batches, p, kept[p])
		}
	}
	stop()
	if err := <-beside; err != nil {
		t.Errorf("the process that lives on: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check says %q, %v", verdict, err)
	}
	t.Attr("figure", fmt.Sprintf("%d kills, %d people acknowledged, 0 lost, file sound", k.processes, total))
}

// Kills at the very beginning meet a file that is being made.
func TestKillWhileTheFileIsMade(t *testing.T) {
	kills := 0
	for i := range 4 {
		path := filepath.Join(t.TempDir(), "users.db")
		cmd := process(t, "write-until-killed", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(path); err == nil {
				break
			}
		}
		time.Sleep(time.Duration(i) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		st := open(t, path)
		apply(t, st, annRecord())
		if _, err := st.Get(t.Context(), ann); err != nil {
			t.Errorf("kill %d: %v", i, err)
		}
		kills++
	}
	t.Attr("figure", fmt.Sprintf("%d kills, each file usable", kills))
}
