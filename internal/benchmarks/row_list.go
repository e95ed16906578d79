package main

import (
	"io"
	"iter"
	"path/filepath"
	"runtime"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/export"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// listing is to read a million people, by List and by the exports that stand on it,
// from one file. They came in no order.
func listing() Subject {
	const (
		bare  = "SELECT * through the same driver"
		limit = "List goes by the key: of people who came in no order each is a page of the file, which SELECT * reads once for seven"
	)
	var path string
	s := Subject{
		Name: "List of 1 M people",
		Prepare: func(e *Env) error {
			path = filepath.Join(e.Dir, "users.db")
			return newFullFile(e, path, million)
		},
		Sides: []Side{
			{Name: "List", Once: listed(&path, countPeople)},
			{Name: "CSV", Once: listed(&path, func(people iter.Seq2[store.Profile, error]) (int, error) {
				return export.CSV(io.Discard, people, nil)
			})},
			{Name: "JSON", Once: listed(&path, func(people iter.Seq2[store.Profile, error]) (int, error) {
				return export.JSON(io.Discard, people)
			})},
			{Name: bare, Once: selected(&path)},
		},
		Rounds: 3,
	}
	for _, side := range s.Sides[:3] {
		s.Claims = append(s.Claims,
			Claim{Of: side.Name + ", time", Metric: CPU, Ours: side.Name, Against: bare, Form: Ratio, Wanted: AtMost(1.5), Limit: limit},
			Claim{Of: side.Name + ", growth of the heap", Metric: mebibytes, Ours: side.Name, Form: Value, Wanted: AtMost(1), Possible: new(0.0), Limit: "a page of records"})
	}
	return s
}

const mebibytes Metric = "MiB"

func countPeople(people iter.Seq2[store.Profile, error]) (n int, err error) {
	for _, err := range people {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// listed reads everybody in some way, and how much the live heap grows from the first
// 100,000 people to the last at the most.
func listed(path *string, read func(iter.Seq2[store.Profile, error]) (int, error)) func(*Env) (Reading, error) {
	return func(e *Env) (Reading, error) {
		st, err := sqlitestore.Open(*path)
		if err != nil {
			return nil, err
		}
		e.Cleanup(st.Close)
		var first, growth uint64
		people := func(yield func(store.Profile, error) bool) {
			n := 0
			for p, err := range st.List(e, store.Filter{}) {
				if !yield(p, err) {
					return
				}
				if n++; n%100_000 == 0 {
					live := liveHeap()
					if first == 0 {
						first = live
					}
					growth = max(growth, live-min(live, first))
				}
			}
		}
		r, err := Measure(million, func() error {
			n, err := read(people)
			if err == nil && n != million {
				return missing(n)
			}
			return err
		})
		if err == nil {
			r[mebibytes] = float64(growth) / (1 << 20)
		}
		return r, err
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// selected reads every column of every row.
func selected(path *string) func(*Env) (Reading, error) {
	return func(e *Env) (Reading, error) {
		f, err := newBareFile(e, *path)
		if err != nil {
			return nil, err
		}
		e.Cleanup(f.db.Close)
		return Measure(million, func() error {
			rows, err := f.db.QueryContext(e, "SELECT * FROM profiles")
			if err != nil {
				return err
			}
			defer rows.Close()
			values := make([]any, 1+len(f.columns))
			for i := range values {
				values[i] = new(any)
			}
			n := 0
			for ; rows.Next(); n++ {
				if err := rows.Scan(values...); err != nil {
					return err
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
			if n != million {
				return missing(n)
			}
			return nil
		})
	}
}
