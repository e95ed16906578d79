package main

import (
	"errors"
	"math/rand/v2"
)

const missGrowth = "a miss of the processor's caches, which are smaller than the table"

// seenCurve is what an unchanged sender costs, by how many people are known, each of
// whom is as likely to come as any other: the worst there is for the processor's cache.
func seenCurve() Curve {
	return Curve{
		Name: "curve, unchanged sender",
		At: func(e *Env, people int) (Reading, error) {
			before := Heap()
			mw, err := crowd(e, people, people)
			if err != nil {
				return nil, err
			}
			heap := Heap() - before
			const asked = 2 * million
			ids := make([]uint64, asked)
			for i := range ids {
				ids[i] = personID(rand.Uint64N(uint64(people)))
			}
			unknown := 0
			r, err := Measure(asked, func() error {
				for _, id := range ids {
					if !known(mw, id) {
						unknown++
					}
				}
				return nil
			})
			if err == nil && unknown > asked/10 {
				err = errors.New("more than a tenth was unknown")
			}
			r[Bytes] = heap / float64(people)
			return r, err
		},
		Lines: []Line{
			{Name: "Known, of somebody unchanged", Metric: CPU, Growth: missGrowth},
			{Name: "memory of who has not changed, a person", Metric: Bytes},
		},
	}
}
