package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// TestMain also is the other processes of the tests that need some.
func TestMain(m *testing.M) {
	switch os.Getenv("STORETEST_TASK") {
	case "serve":
		st, err := sqlitestore.Open(os.Getenv("STORETEST_PATH"))
		if err == nil {
			err = errors.Join(Serve(st, os.Stdin, os.Stdout), st.Close())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "fail":
		os.Exit(3)
	case "hang":
		time.Sleep(time.Hour)
	default:
		os.Exit(m.Run())
	}
}

func self(t *testing.T, task string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "STORETEST_TASK="+task, "STORETEST_PATH="+filepath.Join(t.TempDir(), "users.db"))
	return cmd
}

// served returns a racer who speaks to st as another process does.
func served(t *testing.T, st store.Store) *elsewhere {
	t.Helper()
	ours, asked := io.Pipe()
	answered, theirs := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(st, ours, theirs) }()
	t.Cleanup(func() {
		if err := errors.Join(asked.Close(), <-done); err != nil {
			t.Error(err)
		}
	})
	return newElsewhere(answered, asked)
}

// raceWith checks a property with racers who are elsewhere.
func raceWith(t *testing.T, name string, open func() store.Store) string {
	t.Helper()
	i := slices.Index(Properties(), name)
	if i < 0 {
		t.Fatalf("there is no property %q", name)
	}
	racers := 0
	r := properties[i].check(&probe{
		ctx: t.Context(), rand: rand.New(rand.NewPCG(1, 2)), patience: time.Minute, open: open,
		process: func(st store.Store) racer {
			racers++
			return served(t, st)
		},
	})
	if racers == 0 {
		t.Errorf("%q asks for no racers", name)
	}
	return r.problem
}

func TestRacesElsewhere(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, name := range []string{"created-once-in-a-race", "merges-in-a-race", "list-beside-writes", "leased-once-in-a-race", "expiry-loses-nobody"} {
		t.Run(name, func(t *testing.T) {
			if why := raceWith(t, name, func() store.Store { return memstore.New() }); why != "" {
				t.Errorf("a store that keeps the contract fails: %s", why)
			}
		})
	}
	for _, mu := range mutants {
		if strings.HasSuffix(mu.caught, "-in-a-race") {
			t.Run(mu.name, func(t *testing.T) {
				why := raceWith(t, mu.caught, func() store.Store {
					m := &mutant{Store: memstore.New()}
					mu.breaks(m)
					return m
				})
				if why == "" {
					t.Errorf("%q holds", mu.caught)
				}
			})
		}
	}
	for _, mu := range outboxMutants {
		if strings.HasSuffix(mu.caught, "-in-a-race") {
			t.Run(mu.name, func(t *testing.T) {
				why := raceWith(t, mu.caught, func() store.Store {
					m := &outboxMutant{mutant: mutant{Store: memstore.New()}}
					mu.breaks(m)
					return m
				})
				if why == "" {
					t.Errorf("%q holds", mu.caught)
				}
			})
		}
	}
}

// What another process says is what the store there said.
func TestAnswersAreTrue(t *testing.T) {
	ctx := t.Context()
	near, far := memstore.New(), memstore.New()
	for _, st := range []*memstore.Store{near, far} {
		if err := st.Enroll(ctx, crm); err != nil {
			t.Fatal(err)
		}
	}
	other := served(t, far)
	for i, batch := range [][]store.Record{
		{known(ann()), observed(ann(), after(90), fields{store.CustomKey("tier"): `"gold"`, store.CustomKey("age"): `7`, store.CustomKey("vip"): `true`})},
		{known(numbered("telegram", 1))},
		{known(ann())},
	} {
		want, err := near.Apply(ctx, batch)
		got, otherErr := other.Apply(ctx, batch)
		if err = errors.Join(err, otherErr); err != nil {
			t.Fatal(err)
		}
		for j := range want {
			if len(want[j].Fields) == 0 {
				got[j].Fields, want[j].Fields = nil, nil
			}
			if !reflect.DeepEqual(got[j], want[j]) {
				t.Errorf("change %d of batch %d is\n\t%s\nand should be\n\t%s", j, i, asJSON(got[j]), asJSON(want[j]))
			}
		}
	}
	claims, _, err := other.Claim(ctx, crm, 1, long)
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	key := claims[0].Standing.Key
	if r, err := far.Get(ctx, key); err != nil || !claims[0].Record.Equal(r) {
		t.Errorf("claimed is %s: %v", show(claims[0].Record), err)
	}
	for s := range far.Standings(ctx, store.StandingFilter{Key: key}) {
		if !reflect.DeepEqual(claims[0].Standing, s) {
			t.Errorf("claimed is %+v, kept %+v", claims[0].Standing, s)
		}
	}
	expired, err := other.Expire(ctx, []store.Key{numbered("telegram", 9), ann()}, after(1000))
	if err != nil || !slices.Equal(expired, []bool{false, true}) {
		t.Error(expired, err)
	}
}

func TestErrorsElsewhere(t *testing.T) {
	var away error
	other := served(t, &mutant{Store: memstore.New(), apply: func(context.Context, []store.Record) ([]store.Change, error) {
		return nil, away
	}})
	for _, away = range []error{fmt.Errorf("gone: %w", store.ErrUnavailable), errors.New("ill")} {
		_, err := other.Apply(t.Context(), []store.Record{known(ann())})
		if err == nil || errors.Is(err, store.ErrUnavailable) != errors.Is(away, store.ErrUnavailable) || !strings.Contains(err.Error(), away.Error()) {
			t.Errorf("%v, of %v", err, away)
		}
	}
	if _, err := other.ask(question{Method: "Forget"}); err == nil {
		t.Error("an unknown method is no error")
	}
}

// A process that is not as it should be fails the test, and does not stop it.
func TestProcessesEnd(t *testing.T) {
	for task, fails := range map[string]bool{"serve": false, "fail": true, "hang": true} {
		patience := time.Minute
		if task == "hang" {
			patience = 50 * time.Millisecond
		}
		other, end, err := start(self(t, task), patience)
		if err != nil {
			t.Fatal(err)
		}
		if task != "hang" {
			if _, err := other.Apply(t.Context(), []store.Record{known(ann())}); (err != nil) != fails {
				t.Errorf("%s: %v", task, err)
			}
		}
		if err := end(); (err != nil) != fails {
			t.Errorf("%s ends with %v", task, err)
		}
	}
	if _, _, err := start(exec.Command(t.TempDir()), time.Minute); err == nil {
		t.Error("a folder was started")
	}
}
