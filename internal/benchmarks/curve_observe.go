package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

const changeTime Metric = "ns of processor to the end"

// observeCurve is Observe alone, of five fields and without Known, by how many people
// are known. The store saves nothing. Each person is as likely to come as any other.
func observeCurve() Curve {
	return Curve{
		Name: "curve, Observe",
		At: func(e *Env, people int) (Reading, error) {
			mw, err := crowdBy(func(mw *middleware.Middleware, id uint64) { observeCalled(mw, id, 0) }, e, people, people)
			if err != nil {
				return nil, err
			}
			unchanged, err := observeUnchanged(mw, people)
			if err != nil {
				return nil, err
			}
			changed, err := observeChanged(e, mw, people)
			return Reading{CPU: unchanged[CPU], changeTime: changed[CPU]}, err
		},
		Lines: []Line{
			{Name: "Observe, of somebody unchanged", Metric: CPU, Growth: missGrowth},
			{Name: "Observe, of somebody changed", Metric: changeTime, Growth: missGrowth},
		},
	}
}

func observeUnchanged(mw *middleware.Middleware, people int) (Reading, error) {
	const asked = 2 * million
	ids := make([]uint64, asked)
	for i := range ids {
		ids[i] = personID(rand.Uint64N(uint64(people)))
	}
	before := mw.Stats().Unchanged
	r, err := Measure(asked, func() error {
		for _, id := range ids {
			observeCalled(mw, id, 0)
		}
		return nil
	})
	if same := mw.Stats().Unchanged - before; err == nil && same < asked*9/10 {
		err = fmt.Errorf("%d of %d were unchanged", same, asked)
	}
	return r, err
}

// observeChanged has some thousand different people at a time change, to the end.
func observeChanged(e *Env, mw *middleware.Middleware, people int) (Reading, error) {
	const (
		times, atOnce = 40, 5000
		apart         = 618_033 // has no factor in common with a power of ten
	)
	if err := mw.Flush(e); err != nil { // whom the table had no room for
		return nil, err
	}
	before := mw.Stats().Updated
	r, err := Measure(times*atOnce, func() error {
		for time := range times {
			for i := range atOnce {
				observeCalled(mw, personID(uint64((time*atOnce+i)*apart%people)), 1+time)
			}
			if err := mw.Flush(e); err != nil {
				return err
			}
		}
		return nil
	})
	if saved := mw.Stats().Updated - before; err == nil && saved != times*atOnce {
		err = fmt.Errorf("%d of %d changes were saved", saved, times*atOnce)
	}
	return r, err
}

// observeCalled has somebody come who changed their name so many times.
func observeCalled(mw *middleware.Middleware, id uint64, changes int) {
	s := middleware.Sender{Channel: "telegram", NumericID: id, Event: "message", At: noon.Add(time.Duration(changes) * time.Second)}
	s.Set(store.FieldGivenName, calledNames[changes])
	s.Set(store.FieldFamilyName, "Schmidt")
	s.Set(store.FieldUsername, "ann_schmidt")
	s.SetFlag(store.FieldIsPremium, true)
	s.Set(store.FieldLocale, "de")
	mw.Observe(&s)
}

var calledNames = func() (names [100]string) {
	for i := range names {
		names[i] = "Ann " + strconv.Itoa(i)
	}
	return names
}()
