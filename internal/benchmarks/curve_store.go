package main

import (
	"fmt"
	"path/filepath"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// The metrics of storeCurve, by the person, in time on the wall.
const (
	applyTime Metric = "ns to apply"
	getTime   Metric = "ns to get"
)

// storeCurve is what a file costs that so many people are in. It leaves 10 M out: to
// fill their file of 5 GB takes longer than all else together.
func storeCurve() Curve {
	const growth = "a file that is larger than SQLite's cache of 16 MB is read from the system's"
	return Curve{
		Name:  "sqlitestore by people",
		Sizes: []int{10_000, 100_000, 1_000_000},
		At: func(e *Env, people int) (Reading, error) {
			path := filepath.Join(e.Dir, "users.db")
			if err := newFullFile(e, path, people); err != nil {
				return nil, err
			}
			st, err := sqlitestore.Open(path)
			if err != nil {
				return nil, err
			}
			e.Cleanup(st.Close)
			next := anybody(people)
			const batches, gets = 20, 20_000
			var changes [batches][]store.Record
			for i := range changes {
				for range batchPeople {
					changes[i] = append(changes[i], personRecord(next(), 1+i))
				}
			}
			applied, err := Measure(batches*batchPeople, func() error {
				for _, batch := range changes {
					if _, err := st.Apply(e, batch); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			got, err := Measure(gets, func() error {
				for range gets {
					if _, err := st.Get(e, store.Key{Channel: "telegram", UserID: fmt.Sprint(telegramID(next()))}); err != nil {
						return err
					}
				}
				return nil
			})
			return Reading{applyTime: applied[Time], getTime: got[Time]}, err
		},
		Lines: []Line{
			{Name: "sqlitestore, Apply of 500 changes, a person", Metric: applyTime, Growth: growth},
			{Name: "sqlitestore, Get", Metric: getTime, Growth: growth},
		},
	}
}
