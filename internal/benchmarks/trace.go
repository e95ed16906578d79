package main

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

const (
	traceMessages = 1_000_000
	tracePeople   = 50_000
	traceComers   = 42_466 // of them, in so many messages
	// tracePrefix is how much of it is played by those who write each message: all
	// of it would take them minutes, and they get no slower or faster.
	tracePrefix = 20_000
)

// A message of the trace is of one person, after so many changes.
type message struct {
	person, version int
	at              time.Time
}

// trace yields messages of people of whom some write much more than others (Zipf
// 1.1). One in fifty comes with a change.
func trace(messages int) iter.Seq[message] {
	return func(yield func(message) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		zipf := rand.NewZipf(random, 1.1, 1, tracePeople-1)
		versions := make([]int, tracePeople)
		for i := range messages {
			n := int(zipf.Uint64())
			if random.IntN(50) == 0 {
				versions[n]++
			}
			if !yield(message{n, versions[n], noon.Add(time.Duration(i) * time.Microsecond)}) {
				return
			}
		}
	}
}

// traceNames are what the messages point to, as an event that was decoded does.
type traceNames struct{ users, given []string }

func newTraceNames() traceNames {
	var t traceNames
	for n := range tracePeople {
		t.users = append(t.users, fmt.Sprint("ann_", n))
	}
	for version := range 10_000 {
		t.given = append(t.given, fmt.Sprint("Ann ", version))
	}
	return t
}

// observeTrace plays it all, as fast as it goes, to the last durable commit.
func observeTrace(e *Env, st store.Store) (Reading, error) {
	names := newTraceNames()
	counting := &countingStore{Store: st}
	mw, err := middleware.New(counting, nil)
	if err != nil {
		return nil, err
	}
	e.Cleanup(func() error { return mw.Close(e) })
	messages := slices.Collect(trace(traceMessages))
	r, err := Measure(traceMessages, func() error {
		for _, m := range messages {
			s := middleware.Sender{Channel: "telegram", NumericID: telegramID(m.person), Event: "message", At: m.at}
			s.Set(store.FieldGivenName, names.given[m.version])
			s.Set(store.FieldFamilyName, "Schmidt")
			s.Set(store.FieldUsername, names.users[m.person])
			s.SetFlag(store.FieldIsPremium, m.person%2 == 0)
			s.Set(store.FieldLocale, "de")
			mw.Observe(&s)
		}
		return mw.Flush(e)
	})
	if stats := mw.Stats(); err == nil && stats.Dropped+stats.Failed > 0 {
		return nil, fmt.Errorf("%d messages were dropped, %d failed", stats.Dropped, stats.Failed)
	}
	r[rowsWritten] = 100 * float64(counting.rows) / traceMessages
	return r, err
}

const rowsWritten Metric = "% of messages"

// A countingStore counts the rows that are written.
type countingStore struct {
	store.Store
	rows int // Apply is called by one goroutine
}

func (c *countingStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	changes, err := c.Store.Apply(ctx, deltas)
	for _, change := range changes {
		if !change.Same {
			c.rows++
		}
	}
	return changes, err
}

// A user is the row that one writes by hand.
type user struct {
	Channel    string `gorm:"primaryKey"`
	UserID     string `gorm:"primaryKey"`
	GivenName  string
	FamilyName string
	Username   string
	Locale     string
	IsPremium  bool
	LastSeen   time.Time
}

const createUsers = "CREATE TABLE users (channel TEXT, user_id TEXT, given_name TEXT, family_name TEXT, username TEXT, locale TEXT," +
	" is_premium BOOLEAN, last_seen TIMESTAMP, PRIMARY KEY (channel, user_id))"

const upsertUser = "INSERT INTO users (channel, user_id, given_name, family_name, username, locale, is_premium, last_seen)" +
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (channel, user_id) DO UPDATE SET given_name = excluded.given_name," +
	" family_name = excluded.family_name, username = excluded.username, locale = excluded.locale," +
	" is_premium = excluded.is_premium, last_seen = excluded.last_seen"

func (u *user) values() []any {
	return []any{u.Channel, u.UserID, u.GivenName, u.FamilyName, u.Username, u.Locale, u.IsPremium, u.LastSeen}
}

// upsertTrace has each message of the beginning written by itself.
func upsertTrace(upsert func(u *user) error) (Reading, error) {
	names := newTraceNames()
	messages := slices.Collect(trace(tracePrefix))
	return Measure(tracePrefix, func() error {
		for _, m := range messages {
			u := user{
				Channel: "telegram", UserID: fmt.Sprint(telegramID(m.person)), GivenName: names.given[m.version], FamilyName: "Schmidt",
				Username: names.users[m.person], Locale: "de", IsPremium: m.person%2 == 0, LastSeen: m.at,
			}
			if err := upsert(&u); err != nil {
				return err
			}
		}
		return nil
	})
}
