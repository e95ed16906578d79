package main

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// importing brings a million people into an empty file, who come in no order.
func importing() Subject {
	const (
		bare  = "raw prepared inserts of 500"
		limit = "each person is judged, repaired, fingerprinted and looked for in the file before the row is made"
	)
	return Subject{
		Name: "import of 1 M people",
		Sides: []Side{
			{Name: "Import", Once: imported(telegramSenders)},
			{Name: "Discord", Once: imported(memberChunks)},
			{Name: bare, Once: inserted},
		},
		Rounds: 1,
		Claims: []Claim{
			{Of: "Middleware.Import, time", Metric: CPU, Ours: "Import", Against: bare, Form: Ratio, Wanted: AtMost(2), Limit: limit},
			{
				Of: "Discord's member chunks, time", Metric: CPU, Ours: "Discord", Against: bare, Form: Ratio, Wanted: AtMost(2),
				Limit: "as above, from the JSON on",
			},
		},
	}
}

// A pause is what is not to be counted: the making of what is imported.
type pause struct{ wall, processor time.Duration }

func (p *pause) during(f func()) {
	begin := time.Now()
	before, _ := processorTime()
	f()
	after, _ := processorTime()
	p.wall += time.Since(begin)
	p.processor += after - before
}

// leftOut returns r, by the person, without the pauses.
func (p *pause) leftOut(r Reading) Reading {
	r[Time] -= float64(p.wall) / million
	r[CPU] -= float64(p.processor) / million
	return r
}

// imported imports what senders makes, and counts its pauses out.
func imported(senders func(p *pause) iter.Seq2[middleware.Sender, error]) func(*Env) (Reading, error) {
	return func(e *Env) (Reading, error) {
		st, err := sqlitestore.Open(filepath.Join(e.Dir, "users.db"))
		if err != nil {
			return nil, err
		}
		e.Cleanup(st.Close)
		mw, err := middleware.New(st, &middleware.Options{ExpectedPeople: million})
		if err != nil {
			return nil, err
		}
		e.Cleanup(func() error { return mw.Close(e) })
		var paused pause
		last := 0
		r, err := Measure(million, func() error {
			p, err := mw.Import(e, senders(&paused), &middleware.ImportOptions{
				Progress: func(p middleware.ImportProgress) { last = p.Read },
			})
			if err == nil && (p.Created != million || last != million) {
				return fmt.Errorf("%d created, told of %d", p.Created, last)
			}
			return err
		})
		return paused.leftOut(r), err
	}
}

func telegramSenders(*pause) iter.Seq2[middleware.Sender, error] {
	return func(yield func(middleware.Sender, error) bool) {
		for n := range million {
			s := middleware.Sender{Channel: "telegram", NumericID: telegramID(n), Event: "import", At: noon}
			s.Set(store.FieldGivenName, "Ann 0000")
			s.Set(store.FieldFamilyName, "Schmidt")
			s.Set(store.FieldUsername, "ann_"+strconv.Itoa(n))
			s.SetFlag(store.FieldIsPremium, true)
			s.Set(store.FieldLocale, "de")
			if !yield(s, nil) {
				return
			}
		}
	}
}

// memberChunks are the GUILD_MEMBERS_CHUNK events of a guild, of 1,000 members each.
func memberChunks(p *pause) iter.Seq2[middleware.Sender, error] {
	o := &discord.Options{Scope: discord.Everyone, Backfill: true, Nicks: true}
	return func(yield func(middleware.Sender, error) bool) {
		const chunk = 1000
		var event []byte
		for from := 0; from < million; from += chunk {
			p.during(func() { event = memberChunk(event[:0], from, chunk) })
			for s := range discord.FromRaw("GUILD_MEMBERS_CHUNK", event, o) {
				s.At = noon
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

func memberChunk(b []byte, from, members int) []byte {
	b = append(b, `{"guild_id":"197038439483310086","chunk_index":0,"chunk_count":1000,"members":[`...)
	for n := from; n < from+members; n++ {
		if n > from {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"user":{"id":"%d","username":"ann_%d","global_name":"Ann Schmidt","avatar":"%032x","discriminator":"0",`+
			`"public_flags":0,"bot":false},"nick":"Annie","avatar":null,"roles":["197038439483310087","197038439483310088"],`+
			`"joined_at":"2021-03-01T12:00:00.000000+00:00","premium_since":null,"deaf":false,"mute":false,"flags":0,"pending":false}`,
			telegramID(n)<<22, n, telegramID(n))
	}
	return append(b, `],"not_found":[]}`...)
}

// inserted makes the same rows beforehand and inserts them.
func inserted(e *Env) (Reading, error) {
	f, err := newBareFile(e, filepath.Join(e.Dir, "users.db"))
	if err != nil {
		return nil, err
	}
	e.Cleanup(f.db.Close)
	st, err := f.db.PrepareContext(e, f.insert())
	if err != nil {
		return nil, err
	}
	e.Cleanup(st.Close)
	var paused pause
	r, err := Measure(million, func() error {
		for from := 0; from < million; from += batchPeople {
			var rows [][]any
			var err error
			paused.during(func() { rows, err = f.rows(from, batchPeople) })
			if err := errors.Join(err, f.write(e, st, rows)); err != nil {
				return err
			}
		}
		return nil
	})
	return paused.leftOut(r), err
}

// anybody returns numbers of people at random, the same ones each time.
func anybody(people int) func() int {
	random := rand.New(rand.NewPCG(1, 2))
	return func() int { return random.IntN(people) }
}
