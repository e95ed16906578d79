package rocketchat_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

// patient delivers as the middleware would: it waits as long as it is told.
func patient(t *testing.T, b *rocketchat.Backend, p store.Profile) {
	for {
		_, err := b.Deliver(t.Context(), whole(p, b))
		throttled, ok := errors.AsType[*store.ThrottledError](err)
		switch {
		case err == nil:
			return
		case !ok:
			t.Error(err)
			return
		}
		time.Sleep(max(time.Second, throttled.After))
	}
}

func person(i int) store.Profile {
	return store.Profile{Key: store.Key{Channel: "telegram", UserID: fmt.Sprint(i)}, Name: "Ann"}
}

func refused(service *rocketchattest.Service) (n int) {
	for _, c := range service.Calls() {
		if c.Status == http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

func TestNoCallIsMadeThatWouldBeRefused(t *testing.T) {
	for _, skew := range []time.Duration{0, 7 * time.Hour, -7 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			service := rocketchattest.New(&rocketchattest.Options{
				Limit: 10, Now: func() time.Time { return time.Now().Add(skew) },
			})
			b := open(t, service, service, rocketchat.Options{})
			began := time.Now()
			const people = 55
			for i := range people {
				patient(t, b, person(i))
			}
			if n := refused(service); n > 0 || len(service.Users()) != people {
				t.Errorf("%d calls were refused, %d people arrived", n, len(service.Users()))
			}
			if took := time.Since(began); took < 5*time.Minute || took > 5*time.Minute+10*time.Second {
				t.Errorf("at 10 a minute, %d people took %s", people, took)
			}
		})
	}
}

func TestNoCallIsMadeThatWouldBeRefusedBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := rocketchattest.New(&rocketchattest.Options{Limit: 10})
		pause := func() {
			time.Sleep(rand.N(3 * time.Second))
		}
		b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pause()
			service.ServeHTTP(w, r)
			pause() // answers overtake each other
		}), rocketchat.Options{})
		const people = 60
		var running sync.WaitGroup
		for worker := range 4 {
			running.Go(func() {
				for i := worker; i < people; i += 4 {
					patient(t, b, person(i))
				}
			})
		}
		running.Wait()
		if n := refused(service); n > 0 || len(service.Users()) != people {
			t.Errorf("%d calls were refused, %d people arrived", n, len(service.Users()))
		}
	})
}

func TestWhoIsNotLimitedDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := rocketchattest.New(&rocketchattest.Options{Limit: 10})
		b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Millisecond)
			service.ServeHTTP(w, r)
		}), rocketchat.Options{})
		for i := range 9 {
			patient(t, b, person(i))
		}
		service.Change(func(o *rocketchattest.Options) { o.Limit = 0 }) // was granted api-bypass-rate-limit
		began := time.Now()
		patient(t, b, person(9))
		var running sync.WaitGroup
		for i := range 10 {
			running.Go(func() { patient(t, b, person(i)) })
		}
		running.Wait()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestA429ThatSomebodyElseCausedSaysHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const skew = -time.Hour
		service := rocketchattest.New(&rocketchattest.Options{Limit: 10, Now: func() time.Time { return time.Now().Add(skew) }})
		other, b := open(t, service, service, rocketchat.Options{}), open(t, service, service, rocketchat.Options{})
		for i := range 10 {
			patient(t, other, person(i))
		}
		time.Sleep(20 * time.Second)
		for range 2 { // the second time without asking
			_, err := b.Deliver(t.Context(), whole(person(1), b))
			throttled, ok := errors.AsType[*store.ThrottledError](err)
			if !ok || throttled.After < 40*time.Second || throttled.After > 41*time.Second {
				t.Errorf("the error is %#v", err)
			}
			fails(t, err, store.ErrUnavailable)
		}
		if n := refused(service); n != 1 {
			t.Errorf("%d calls were refused", n)
		}
		time.Sleep(41 * time.Second)
		patient(t, b, person(1))
	})
}

func TestA429OfAProxyIsLeftToTheMiddleware(t *testing.T) {
	service := rocketchattest.New(nil)
	for header, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second} {
		calls := 0
		b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		}), rocketchat.Options{})
		for range 2 {
			_, err := b.Deliver(t.Context(), whole(person(1), b))
			throttled, ok := errors.AsType[*store.ThrottledError](err)
			if !ok || throttled.After != want {
				t.Errorf("with Retry-After %q the error is %#v", header, err)
			}
		}
		if calls != 2 {
			t.Errorf("%d calls", calls)
		}
	}
}
