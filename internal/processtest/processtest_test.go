package processtest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestMain(m *testing.M) {
	switch os.Getenv("PROCESSTEST_TASK") {
	case "count":
		for n := 0; ; n++ {
			fmt.Println(n)
		}
	case "end":
		fmt.Println("end")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestAProcessIsKilledAfterSoManyLines(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(processtest.Seed(t), 0))
	for _, lines := range []int{0, 1, 100} {
		n := 0
		err := processtest.KillAfter(processtest.Command(t.Context(), t, "PROCESSTEST_TASK=count"), lines, r, func(line string) {
			if line != fmt.Sprint(n) {
				t.Errorf("line %d is %q", n, line)
			}
			n++
		})
		if err != nil || n < lines {
			t.Errorf("%d lines of at least %d: %v", n, lines, err)
		}
	}
}

func TestAProcessThatEndsByItselfIsNotKilled(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 0))
	if err := processtest.KillAfter(processtest.Command(t.Context(), t, "PROCESSTEST_TASK=end"), 2, r, func(string) {}); err == nil {
		t.Error("it counts as killed")
	}
}

func TestHammeredDeltasComeToWhatTheyMergeTo(t *testing.T) {
	t.Parallel()
	deltas := processtest.Deltas(100, 5)
	st := memstore.New()
	if err := processtest.Hammer(st, deltas, 7); err != nil {
		t.Fatal(err)
	}
	people := processtest.Merged(processtest.Deltas(100, 5))
	if len(people) != 5 {
		t.Errorf("%d people", len(people))
	}
	for key, want := range people {
		got, err := st.Get(t.Context(), key)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", key, got, err)
		}
	}
}
