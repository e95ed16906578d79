package prove_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/webhook/webhooktest"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// All backends before services that answer wrongly: people are forgotten at any moment
// of their delivery, processes end in between, and they go on writing. In the end
// no service that can erase has any of them, and each backend has a receipt.
func TestEveryBackendHasAReceipt(t *testing.T) {
	t.Attr("promise", "forgotten: each of the four systems says that it erased, or that it cannot")
	people, rounds := size(6, 20, 60), size(3, 10, 60)
	receipts := 0
	synctest.Test(t, func(t *testing.T) {
		s := newSystems(t, func(h http.Handler, honest func() bool) http.RoundTripper {
			_, hook := h.(*webhooktest.Service) // to which any 2xx is an acceptance
			return liar{h, honest, hook}
		})
		st := memstore.New()
		var mw *middleware.Middleware
		begin := func() {
			var err error
			if mw, err = middleware.New(st, &middleware.Options{Backends: s.backends, SeenEvery: -1, ExpectedPeople: 1000}); err != nil {
				t.Fatal(err)
			}
		}
		begin()
		forgotten := func(id int) bool { return id < people-1 }
		reached := make(map[store.Key]map[string]bool) // which backends may have got something of whom
		forget := func(id int) {
			key := named(id, 0).Key()
			if reached[key] == nil {
				reached[key] = make(map[string]bool)
			}
			for x, err := range st.Standings(t.Context(), store.StandingFilter{Key: key}) {
				if err != nil {
					t.Fatal(err)
				}
				if x.Touched {
					reached[key][x.Backend] = true
				}
			}
			if err := mw.Forget(t.Context(), key); err != nil {
				t.Error(err)
			}
		}
		everybody := func(do func(id int)) {
			for id := range people {
				do(id)
			}
		}
		for round := range rounds {
			everybody(func(id int) { mw.Observe(named(id, round)) })
			time.Sleep(time.Duration(round) * time.Minute)
			everybody(func(id int) {
				if forgotten(id) && id%rounds == round {
					forget(id)
				}
			})
			if err := mw.Close(t.Context()); err != nil {
				t.Error(err)
			}
			begin()
		}
		everybody(func(id int) {
			if forgotten(id) {
				forget(id)
			}
		})
		s.tellTheTruth()
		ctx, cancel := context.WithTimeout(t.Context(), 48*time.Hour)
		defer cancel()
		// What a lie made a dead letter somebody has to look at.
		for range 2 {
			for _, b := range s.backends {
				if err := mw.Resync(ctx, b.Name()); err != nil {
					t.Error(err)
				}
				if _, err := mw.Replay(ctx, b.Name(), store.Key{}); err != nil {
					t.Error(err)
				}
			}
			everybody(func(id int) { mw.Observe(named(id, rounds)) })
			if err := mw.Drain(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := mw.Close(ctx); err != nil {
			t.Error(err)
		}
		everybody(func(id int) {
			key := named(id, 0).Key()
			_, inGenauth := s.genauth.Account(key.String())
			_, inHook := s.hook.Person(key.String())
			_, inChat := s.chat.User(fmt.Sprintf("%s_%s", key.Channel, key.UserID))
			if held := inGenauth || inHook || inChat; held == forgotten(id) {
				t.Errorf("%s is held by genauth: %t, the webhook: %t, Rocket.Chat: %t", key, inGenauth, inHook, inChat)
			}
			if !forgotten(id) {
				return
			}
			got := make(map[string]store.State)
			for x, err := range st.Standings(ctx, store.StandingFilter{Key: key}) {
				if err != nil {
					t.Fatal(err)
				}
				got[x.Backend] = x.State
				receipts++
			}
			for backend := range reached[key] {
				want := store.StateErased
				if backend == "monosay" || backend == "genauth-user" {
					want = store.StateUnerasable
				}
				if got[backend] != want {
					t.Errorf("%s: the receipt of %s is %q, want %q", key, backend, got[backend], want)
				}
			}
		})
		if n := len(s.chat.Visitors()); n != 1 {
			t.Errorf("Rocket.Chat has %d visitors, want 1", n)
		}
	})
	if receipts < people {
		t.Errorf("there are %d receipts: nobody was delivered", receipts)
	}
	t.Attr("figure", fmt.Sprintf("%d people, %d receipts, nobody left", people-1, receipts))
}
