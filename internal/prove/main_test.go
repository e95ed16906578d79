package prove_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// children are what this binary does when a test starts it as a process of its own,
// to be killed: the value of PROVE_CHILD is the key, and the arguments come with it.
// Tests add to it in init functions.
var children = make(map[string]func(args []string) error)

// background is what ends after its test, such as discordgo's Close, which sleeps.
var background sync.WaitGroup

type patient struct{ *testing.M }

func (m patient) Run() int {
	defer background.Wait()
	return m.M.Run()
}

func TestMain(m *testing.M) {
	child := os.Getenv("PROVE_CHILD")
	if child == "" {
		goleak.VerifyTestMain(patient{m})
		return
	}
	if err := children[child](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// size is how much a test does: some in "go test", the promised number in "make
// prove", and the large one in "make soak".
func size(some, promised, large int) int {
	switch {
	case os.Getenv("ROLLCALL_SOAK") != "":
		return large
	case os.Getenv("ROLLCALL_PROVE") != "":
		return promised
	}
	return some
}
