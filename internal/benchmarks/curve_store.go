package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// The metrics of storeCurve, by the person, in processor time.
const (
	applyTime Metric = "ns of processor to apply"
	getTime   Metric = "ns of processor to get"
)

// storeCurve is what a file costs that so many people are in, of whom each is as likely
// to change or to be asked for as any other: the worst there is for a cache.
func storeCurve() Curve {
	const growth = "SQLite keeps 16 MB of the file: of a larger one each person is two or three pages, which the system hands over, and with 10 M people the disk"
	return Curve{
		Name:  "sqlitestore by people",
		Large: 10 * million, // some minutes, and 4 GB of disk
		At: func(e *Env, people int) (Reading, error) {
			path := filepath.Join(e.Dir, "users.db")
			if err := fill(e, path, people); err != nil {
				return nil, err
			}
			info, err := os.Stat(path)
			if err != nil {
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
			return Reading{applyTime: applied[CPU], getTime: got[CPU], Bytes: float64(info.Size()) / float64(people)}, err
		},
		Lines: []Line{
			{Name: "sqlitestore, Apply of 500 changes, a person", Metric: applyTime, Growth: growth},
			{Name: "sqlitestore, Get", Metric: getTime, Growth: growth},
			{Name: "sqlitestore, file, a person", Metric: Bytes},
		},
	}
}

// fill makes a file of so many people by Apply. They come in the order of their keys: in
// no order each would have a page of their own written anew.
func fill(e *Env, path string, people int) error {
	st, err := sqlitestore.Open(path)
	if err != nil {
		return err
	}
	defer st.Close()
	order := make([]uint64, people) // an id, and behind it the number of the person
	const numberBits = 24
	for n := range order {
		order[n] = telegramID(n)<<numberBits | uint64(n)
	}
	slices.Sort(order)
	const atOnce = 5000
	batch := make([]store.Record, 0, atOnce)
	for some := range slices.Chunk(order, atOnce) {
		batch = batch[:0]
		for _, o := range some {
			batch = append(batch, personRecord(int(o%(1<<numberBits)), 0))
		}
		if _, err := st.Apply(e, batch); err != nil {
			return fmt.Errorf("a file of %d people: %w", people, err)
		}
	}
	return st.Close()
}
