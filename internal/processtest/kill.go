package processtest

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", 0, "of the moments of kills, and of other troubles; 0: another one each time")

// Seed is that of the moments at which a test kills, or makes other trouble: the flag -seed
// where it is given. The test logs how to repeat them, as far as the system's own choices
// allow.
func Seed(t testing.TB) uint64 {
	t.Helper()
	chosen := cmp.Or(*seed, rand.Uint64())
	t.Log("repeat with -seed ", chosen)
	return chosen
}

// KillAfter starts a process, hands each line that it writes to note, and kills it up to
// 20 ms after so many of them. A process that ends by itself is an error. It returns
// when all lines are read.
func KillAfter(cmd *exec.Cmd, lines int, r *rand.Rand, note func(line string)) error {
	later := time.Duration(r.IntN(20_000)) * time.Microsecond
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	all := bufio.NewScanner(out)
	for read := 0; ; read++ {
		if read == lines {
			time.Sleep(later)
			err = cmd.Process.Kill()
		}
		if !all.Scan() {
			break
		}
		note(all.Text())
	}
	ended := cmd.Wait()
	if cmd.ProcessState.ExitCode() != -1 { // -1: by a signal
		return fmt.Errorf("the process ended by itself: %w", ended)
	}
	return err
}
