package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// starting is to open a file and to have somebody's first message durable in it.
func starting() Subject {
	const (
		full  = "1 M people"
		empty = "nobody"
	)
	var path string
	return Subject{
		Name: "start on a users.db of 1 M people",
		Prepare: func(e *Env) error {
			path = filepath.Join(e.Dir, "users.db")
			return newFullFile(e, path, million)
		},
		Sides: []Side{
			{Name: full, Once: func(e *Env) (Reading, error) { return firstCommit(e, path, million) }},
			{Name: empty, Once: func(e *Env) (Reading, error) { return firstCommit(e, filepath.Join(e.Dir, "users.db"), 0) }},
		},
		Rounds: 5,
		Claims: []Claim{
			{
				Of: "to the first durable commit", Metric: milliseconds, Form: Value, Wanted: AtMost(100),
				Limit: "the checks of the file, three connections, the memory of who has not changed, and one sync",
			},
			{
				Of: "heap, over a file of nobody", Metric: mebibytes, Against: empty, Form: Extra, Wanted: AtMost(32),
				Possible: new(threeWords * (million - usuallyExpected) / (1 << 20)),
				Limit:    "24 bytes a person for who has not changed, as ExpectedPeople asks for; nothing is loaded",
			},
		},
	}
}

const milliseconds Metric = "ms"

const usuallyExpected = 100_000 // people, where ExpectedPeople is 0

func missing(n int) error { return fmt.Errorf("%d of %d people", n, million) }

var strangerID uint64 = 7 // whom no file holds

func firstCommit(e *Env, path string, expected int) (Reading, error) {
	before := Heap()
	begin := time.Now()
	st, err := sqlitestore.Open(path)
	if err != nil {
		return nil, err
	}
	e.Cleanup(st.Close)
	saved := make(chan error, 1)
	mw, err := middleware.New(st, &middleware.Options{
		ExpectedPeople: expected,
		OnSuccess:      func(context.Context, middleware.Outcome) { saved <- nil },
		OnFailure:      func(_ context.Context, _ middleware.Outcome, err error) { saved <- err },
	})
	if err != nil {
		return nil, err
	}
	e.Cleanup(func() error { return mw.Close(e) })
	strangerID++
	observe(mw, strangerID)
	select {
	case err = <-saved:
	case <-time.After(time.Minute):
		err = errors.New("nothing was saved in a minute")
	}
	took := time.Since(begin)
	return Reading{milliseconds: float64(took) / float64(time.Millisecond), mebibytes: (Heap() - before) / (1 << 20)}, err
}
