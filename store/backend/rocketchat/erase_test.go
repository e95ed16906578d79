package rocketchat_test

import (
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

func TestEraseNeedsAPermissionOfItsOwn(t *testing.T) {
	for _, before8 := range []bool{false, true} {
		service := rocketchattest.New(&rocketchattest.Options{Before8: before8, Without: []string{"delete-user"}})
		b := open(t, service, service, rocketchat.Options{})
		r := deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann"}, b))
		// Not ErrDenied, which would stop all deliveries.
		fails(t, b.Erase(t.Context(), ann, r.Remote), store.ErrInvalid, "delete-user", "Replay")
		user(t, service)
		service.Change(func(o *rocketchattest.Options) { o.Without = nil })
		if err := b.Erase(t.Context(), ann, r.Remote); err != nil || len(service.Users()) != 0 {
			t.Errorf("Erase: %v, and the server holds %v", err, service.Users())
		}
	}
}

func TestEraseOfTheOnlyOwnerOfARoom(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{})
	deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann"}, b))
	service.Edit("telegram_42", func(u *rocketchattest.User) { u.SoleOwner = true })
	if err := b.Erase(t.Context(), ann, ""); err != nil || len(service.Users()) != 0 {
		t.Errorf("Erase: %v", err)
	}
	checkKeys(t, service)
}

func TestEraseThatIsNotWanted(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{KeepErased: true})
	r := deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann"}, b))
	fails(t, b.Erase(t.Context(), ann, r.Remote), store.ErrCannotErase, "KeepErased")
	user(t, service)
}

func TestEraseDoesNotFollowAWrongID(t *testing.T) {
	service := rocketchattest.New(nil)
	other := service.Add(rocketchattest.User{Username: "gone", Name: human}) // found when asked for the id "gone"
	b := open(t, service, service, rocketchat.Options{})
	if err := b.Erase(t.Context(), ann, "gone"); err != nil {
		t.Error(err)
	}
	if users := service.Users(); len(users) != 1 || users[0].ID != other || strings.Contains(routes(service), "delete") {
		t.Errorf("the server holds %v", users)
	}
}
