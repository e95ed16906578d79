package main

import (
	"hash/fnv"
	"path/filepath"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	tt "github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// partition is that of docs/scaling.md.
func partition(key store.Key, partitions int) int {
	h := fnv.New64a()
	h.Write([]byte(key.String()))
	return int(h.Sum64() % uint64(partitions))
}

func observed(mw *middleware.Middleware) uint64 {
	s := mw.Stats()
	return s.Created + s.Updated + s.Unchanged + s.Coalesced + s.Dropped + s.Failed + uint64(s.Waiting)
}

// One bot keeps its people in several stores, as docs/scaling.md shows.
func TestPartitionsByKey(t *testing.T) {
	srv, err := tt.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	bot, err := tele.NewBot(tele.Settings{URL: srv.URL(), Token: srv.Token(), Poller: &tele.LongPoller{Timeout: 10 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	const partitions, people = 4, 200
	var stores []*sqlitestore.Store
	var mws []*middleware.Middleware
	for i := range partitions {
		st, err := sqlitestore.Open(filepath.Join(t.TempDir(), "users.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		mw, err := middleware.New(st, &middleware.Options{
			Who: func(s middleware.Sender) bool { return s.Drop == "" && partition(s.Key(), partitions) == i },
		})
		if err != nil {
			t.Fatal(err)
		}
		telegram.Attach(bot, mw, nil)
		stores, mws = append(stores, st), append(mws, mw)
	}
	go bot.Start()
	for n := range people {
		u := tt.User{ID: int64(1 + n), FirstName: "Ann"}
		if err := srv.Push(tt.Message(u, tt.Private(u), "hello")); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(patience); observed(mws[partitions-1]) < people && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	_ = srv.Close() // before Stop, since telebot forgets to end a poll that begins during it
	bot.Stop()
	total := 0
	for i, st := range stores {
		if err := mws[i].Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		here := 0
		for p, err := range st.List(t.Context(), store.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if partition(p.Key, partitions) != i {
				t.Errorf("%s is in partition %d", p.Key, i)
			}
			here++
		}
		if here < people/partitions/2 {
			t.Errorf("partition %d has %d people", i, here)
		}
		total += here
	}
	if total != people {
		t.Errorf("%d people are kept, want %d", total, people)
	}
}
