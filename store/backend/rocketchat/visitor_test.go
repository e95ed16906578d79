package rocketchat_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

func openVisitors(t *testing.T, service *rocketchattest.Service, o rocketchat.VisitorOptions) *rocketchat.Visitors {
	t.Helper()
	o.BaseURL, o.Transport = "https://chat.example.com", direct{service}
	v, err := rocketchat.NewVisitor(secret, &o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAVisitorTokenCannotBeGuessed(t *testing.T) {
	service := rocketchattest.New(nil)
	v := openVisitors(t, service, rocketchat.VisitorOptions{})
	token := v.Token(ann)
	switch {
	case token != v.Token(ann), len(token) < 32, strings.Contains(token, "telegram"):
		t.Errorf("the token is %q", token)
	case token == v.Token(store.Key{Channel: "telegram", UserID: "43"}):
		t.Error("two people have one token")
	}
	other, err := rocketchat.NewVisitor("another secret of many bytes", &rocketchat.VisitorOptions{BaseURL: "https://chat.example.com"})
	if err != nil || other.Token(ann) == token {
		t.Errorf("the token does not depend on the secret (%v)", err)
	}
	deliver(t, v, whole(store.Profile{Key: ann, Name: "Ann"}, v))
	for _, c := range service.Calls() {
		if c.Header.Get("X-Auth-Token") != "" || c.Header.Get("X-User-Id") != "" {
			t.Error("credentials were sent to an endpoint that needs none")
		}
	}
}

func TestAPersonNeverBecomesTheVisitorWithTheirEmail(t *testing.T) {
	service := rocketchattest.New(nil)
	theirs := service.AddVisitor(rocketchattest.Visitor{Token: "theirs", Name: human, Email: "ann@example.org", Phone: "+14155552671"})
	v := openVisitors(t, service, rocketchat.VisitorOptions{})
	for _, p := range []store.Profile{
		{Key: ann, Name: "Ann", Email: "ann@example.org"},
		{Key: store.Key{Channel: "telegram", UserID: "43"}, Name: "Ann", PhoneNumber: "+14155552671"},
	} {
		r := deliver(t, v, whole(p, v))
		got, ok := service.Visitor(v.Token(p.Key))
		if !ok || got.ID == theirs || got.ID != r.Remote || got.Email != p.Email || got.Phone != p.PhoneNumber {
			t.Errorf("%s is %+v", p.Key, got)
		}
	}
	if other, ok := service.Visitor("theirs"); !ok || other.Name != human {
		t.Errorf("the other visitor is %+v", other)
	}
	checkKeys(t, service)
}

func TestAVisitorsCustomFieldThatIsDropped(t *testing.T) {
	service := rocketchattest.New(&rocketchattest.Options{VisitorFields: []string{"tier"}})
	v := openVisitors(t, service, rocketchat.VisitorOptions{Custom: map[store.Field]string{
		store.CustomKey("tier"): "tier", store.FieldLocale: "language",
	}})
	p := store.Profile{Key: ann, Name: "Ann", Locale: "pt-BR", Custom: map[string]any{"tier": "gold"}}
	_, err := v.Deliver(t.Context(), whole(p, v))
	fails(t, err, store.ErrInvalid, `"language"`, "define")
	got, _ := service.Visitor(v.Token(ann))
	if got.Name != "Ann" || got.Custom["tier"] != "gold" {
		t.Errorf("all else has not arrived: %+v", got)
	}
	p.Custom["tier"] = "silver"
	deliver(t, v, store.Delivery{Profile: p, Fields: []store.Field{store.CustomKey("tier")}})
	if got, _ = service.Visitor(v.Token(ann)); got.Custom["tier"] != "silver" {
		t.Errorf("the visitor is %+v", got)
	}
}

func TestAVisitorInAConversationIsErasedLater(t *testing.T) {
	service := rocketchattest.New(nil)
	v := openVisitors(t, service, rocketchat.VisitorOptions{})
	deliver(t, v, whole(store.Profile{Key: ann, Name: "Ann"}, v))
	service.SetOpenRoom(v.Token(ann), true)
	fails(t, v.Erase(t.Context(), ann, ""), store.ErrUnavailable, "visitor-has-open-rooms")
	service.SetOpenRoom(v.Token(ann), false)
	for range 2 {
		if err := v.Erase(t.Context(), ann, ""); err != nil {
			t.Error(err)
		}
	}
	if len(service.Visitors()) != 0 {
		t.Errorf("the server holds %+v", service.Visitors())
	}
}

func TestVisitorsAtFiveAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := rocketchattest.New(&rocketchattest.Options{Limit: 10})
		v := openVisitors(t, service, rocketchat.VisitorOptions{})
		began := time.Now()
		for i := range 12 {
			for {
				if _, err := v.Deliver(t.Context(), whole(person(i), v)); err == nil {
					break
				}
				time.Sleep(time.Second)
			}
		}
		if n := refused(service); n > 0 || time.Since(began) > 2*time.Minute+5*time.Second {
			t.Errorf("%d calls were refused in %s", n, time.Since(began))
		}
	})
}

func TestVisitorsWithAnAddressArriveHoweverFewCallsThereAre(t *testing.T) {
	const people = 12
	for _, limit := range []int{2, 3, 4, 5} {
		synctest.Test(t, func(t *testing.T) {
			service := rocketchattest.New(&rocketchattest.Options{Limit: 2 * limit}) // half of it is for visitors
			v, err := rocketchat.NewVisitor(secret, &rocketchat.VisitorOptions{
				BaseURL: "https://chat.example.com",
				Transport: direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(100 * time.Millisecond)
					service.ServeHTTP(w, r)
				})},
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			began := time.Now()
			left := make(chan int, people)
			for i := range people {
				left <- i
			}
			close(left)
			var running sync.WaitGroup
			for range cmp.Or(v.Traits().InFlight, 4) { // as the middleware
				running.Go(func() {
					for i := range left {
						p := person(i)
						p.Email = fmt.Sprintf("ann%d@example.org", i)
						for ctx.Err() == nil {
							_, err := v.Deliver(ctx, whole(p, v))
							throttled, ok := errors.AsType[*store.ThrottledError](err)
							if !ok {
								break
							}
							time.Sleep(max(time.Second, throttled.After))
						}
					}
				})
			}
			running.Wait()
			arrived := 0
			for _, got := range service.Visitors() {
				if got.Email != "" {
					arrived++
				}
			}
			most := time.Duration(people/(limit/2)+1) * time.Minute
			if took := time.Since(began); arrived != people || refused(service) > 0 || took > most {
				t.Errorf("at %d calls a minute %d of %d people arrived in %s, %d calls were refused", limit, arrived, people, took, refused(service))
			}
		})
	}
}

func TestTheAnswerIsAVisitor(t *testing.T) {
	v := openVisitors(t, rocketchattest.New(nil), rocketchat.VisitorOptions{})
	r := deliver(t, v, whole(store.Profile{Key: ann, Name: "Ann"}, v))
	if got, ok := r.Answer.(*rocketchat.Visitor); !ok || got.ID != r.Remote || got.Name != "Ann" {
		t.Errorf("the receipt is %+v", r)
	}
}
