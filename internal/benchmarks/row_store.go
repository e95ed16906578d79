package main

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"path/filepath"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

const (
	batchPeople = 500
	batchCount  = 40
	batchOf     = 100_000
)

// storeBatch is transactions of 500 changes each, of people at random among 100,000.
func storeBatch() Subject {
	const (
		upserts = "a bare loop of prepared upserts"
		selects = "a bare loop of prepared selects and upserts"
	)
	return Subject{
		Name: "sqlitestore, batch of 500",
		Sides: []Side{
			{Name: "rollcall", Once: applyBatches},
			{Name: upserts, Once: bareBatches((*bareFile).write)},
			{Name: selects, Once: bareBatches((*bareFile).readAndWrite)},
		},
		Rounds: 3,
		Claims: []Claim{
			{
				Of: "rows a second", Metric: Time, Against: upserts, Form: Times, Wanted: AtLeast(0.85),
				Limit: "a batch reads, decodes and merges before it writes, which a loop that overwrites need not",
			},
			{Of: "rows by processor time", Metric: CPU, Against: upserts, Form: Times, Wanted: AtLeast(0.85), Limit: "as above, without the wait for the disk"},
			{
				Of: "rows a second", Metric: Time, Against: selects, Form: Times, Wanted: AtLeast(0.85),
				Limit: "what is read is decoded, merged and compared too",
			},
		},
	}
}

// changes are what the batches say.
func changes() [][]store.Record {
	random := rand.New(rand.NewPCG(1, 2))
	batches := make([][]store.Record, batchCount)
	for i := range batches {
		for _, n := range random.Perm(batchOf)[:batchPeople] {
			batches[i] = append(batches[i], personRecord(n, 1+i))
		}
	}
	return batches
}

func applyBatches(e *Env) (Reading, error) {
	path := filepath.Join(e.Dir, "users.db")
	if err := newFullFile(e, path, batchOf); err != nil {
		return nil, err
	}
	st, err := sqlitestore.Open(path)
	if err != nil {
		return nil, err
	}
	e.Cleanup(st.Close)
	batches := changes()
	return Measure(batchCount*batchPeople, func() error {
		for _, batch := range batches {
			if _, err := st.Apply(e, batch); err != nil {
				return err
			}
		}
		return nil
	})
}

func bareBatches(write func(*bareFile, context.Context, *sql.Stmt, [][]any) error) func(*Env) (Reading, error) {
	return func(e *Env) (Reading, error) {
		path := filepath.Join(e.Dir, "users.db")
		if err := newFullFile(e, path, batchOf); err != nil {
			return nil, err
		}
		f, err := newBareFile(e, path)
		if err != nil {
			return nil, err
		}
		e.Cleanup(f.db.Close)
		upsert, err := f.db.PrepareContext(e, f.upsert())
		if err != nil {
			return nil, err
		}
		e.Cleanup(upsert.Close)
		batches := make([][][]any, batchCount)
		for i, batch := range changes() {
			for _, r := range batch {
				row, rerr := f.row(r)
				err = errors.Join(err, rerr)
				batches[i] = append(batches[i], row)
			}
		}
		if err != nil {
			return nil, err
		}
		return Measure(batchCount*batchPeople, func() error {
			for _, batch := range batches {
				if err := write(f, e, upsert, batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
}
