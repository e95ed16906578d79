package rocketchat_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

const picture = "https://example.org/ann.png"

func TestPicturesAreFetchedOnlyWhenAskedFor(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{})
	p := store.Profile{Key: ann, Name: "Ann", Picture: picture}
	deliver(t, b, whole(p, b))
	if u := user(t, service); u.AvatarURL != "" {
		t.Errorf("the server fetched %s", u.AvatarURL)
	}
	b = open(t, service, service, rocketchat.Options{Pictures: true})
	deliver(t, b, whole(p, b))
	if u := user(t, service); u.AvatarURL != picture {
		t.Errorf("the picture is %q", u.AvatarURL)
	}
	service.Forget()
	deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.FieldName}})
	if got := routes(service); got != "users.info" {
		t.Errorf("another field changed, and it called %s", got)
	}
	p.Picture = ""
	deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.FieldPicture}})
	if u := user(t, service); u.AvatarURL != "" {
		t.Errorf("the picture is %q once cleared", u.AvatarURL)
	}
}

func TestAPictureThatIsRefusedFailsNobody(t *testing.T) {
	for name, change := range map[string]func(o *rocketchattest.Options){
		"error-avatar-invalid-url": func(o *rocketchattest.Options) {
			o.Picture = func(string) string { return "error-avatar-invalid-url" }
		},
		"error-unauthorized": func(o *rocketchattest.Options) { o.Without = []string{"edit-other-user-avatar"} },
	} {
		service := rocketchattest.New(nil)
		service.Change(change)
		b := open(t, service, service, rocketchat.Options{Pictures: true})
		r := deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann", Picture: picture}, b))
		got := r.Answer.(*rocketchat.User).PictureProblem
		if !strings.Contains(got, name) || strings.Contains(got, "example.org") || user(t, service).Name != "Ann" {
			t.Errorf("%s: the answer says %q", name, got)
		}
	}
}

func TestAPictureIsTriedThreeTimes(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "users.setAvatar") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		service.ServeHTTP(w, r)
	}), rocketchat.Options{Pictures: true})
	d := whole(store.Profile{Key: ann, Name: "Ann", Picture: picture}, b)
	twice := func() {
		t.Helper()
		for range 2 {
			r, err := b.Deliver(t.Context(), d)
			fails(t, err, store.ErrUnavailable, "picture", "503")
			d.Remote = r.Remote
			d.Attempt++
		}
	}
	for _, attempt := range []int{1, 40} { // at once, and after an outage
		d.Attempt = attempt
		twice()
		d.Version++ // another picture
		twice()
		r := deliver(t, b, d)
		if got := r.Answer.(*rocketchat.User).PictureProblem; !strings.Contains(got, "503") || r.Remote != user(t, service).ID {
			t.Errorf("from try %d on the answer says %q, and the remote is %q", attempt, got, r.Remote)
		}
		d.Remote = r.Remote
	}
}

func TestAPictureWaitsForTheLimiterHoweverOften(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "users.setAvatar") {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		service.ServeHTTP(w, r)
	}), rocketchat.Options{Pictures: true})
	d := whole(store.Profile{Key: ann, Name: "Ann", Picture: picture}, b)
	d.Attempt = 9
	_, err := b.Deliver(t.Context(), d)
	fails(t, err, store.ErrUnavailable, "picture", "429")
}
