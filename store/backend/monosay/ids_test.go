package monosay_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	bare := monosay.Options{Channel: "telegram"}
	number := monosay.Options{Channel: "telegram", NumberIDs: true}
	for _, c := range []struct {
		o    monosay.Options
		id   string
		want string // "": refused
	}{
		{monosay.Options{}, "42", `"telegram:42"`},
		{bare, "42", `"42"`},
		{bare, "a:b", `"a:b"`},
		{number, "42", `42`},
		{number, "-7", `-7`},
		{number, "0", `0`},
		{number, "9007199254740991", `9007199254740991`},
		{number, "-9007199254740991", `-9007199254740991`},
		{number, "9007199254740992", ``},
		{number, "80351110224678912", ``}, // a snowflake of Discord's
		{number, "99999999999999999999", ``},
		{number, "042", ``},
		{number, "+42", ``},
		{number, "-0", ``},
		{number, "42.0", ``},
		{number, "4_2", ``},
		{number, "0x2a", ``},
		{number, "٤٢", ``},
		{number, "ann", ``},
	} {
		b, service := start(t, c.o, nil)
		_, err := b.Deliver(t.Context(), all(store.Profile{Key: store.Key{Channel: "telegram", UserID: c.id}, Username: "ann"}))
		requests := service.Requests()
		switch {
		case c.want == "":
			if !errors.Is(err, store.ErrInvalid) || len(requests) != 0 || !strings.Contains(err.Error(), "NumberIDs") {
				t.Errorf("%q: %v, %d requests", c.id, err, len(requests))
			}
		case err != nil:
			t.Errorf("%q: %v", c.id, err)
		case string(requests[0].Body["channelUserId"]) != c.want:
			t.Errorf("%q was sent as %s, not %s", c.id, requests[0].Body["channelUserId"], c.want)
		}
	}
}

func TestTwoPeopleNeverBecomeOne(t *testing.T) {
	t.Parallel()
	pairs := append(slices.Clip(hostile.KeyPairs),
		[2]hostile.Key{{Channel: "telegram", UserID: "9007199254740991"}, {Channel: "telegram", UserID: "9007199254740993"}})
	for name, o := range map[string]monosay.Options{
		"by default": {},
		"bare ids":   {Channel: "telegram"},
		"numbers":    {Channel: "telegram", NumberIDs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, pair := range pairs {
				b, service := start(t, o, &monosaytest.Options{DistinctIDs: false})
				sent := 0
				for _, key := range pair {
					if serves := b.Traits().Serves; serves != nil && !serves(store.Key(key)) {
						continue
					}
					_, err := b.Deliver(t.Context(), all(store.Profile{Key: store.Key(key), Username: "ann"}))
					if err == nil {
						sent++
					}
				}
				if got := len(service.Users()); got != sent {
					t.Errorf("%v: %d people were sent and %d are there", pair, sent, got)
				}
			}
		})
	}
}

func TestBareIDsAreForOneChannel(t *testing.T) {
	t.Parallel()
	b, _ := start(t, monosay.Options{Channel: "telegram"}, nil)
	serves := b.Traits().Serves
	for channel, want := range map[string]bool{"telegram": true, "discord": false, "telegram2": false} {
		if serves(store.Key{Channel: channel, UserID: "42"}) != want {
			t.Errorf("serves %s: %t", channel, !want)
		}
	}
	if b, _ := start(t, monosay.Options{}, nil); b.Traits().Serves != nil {
		t.Error("without Channel it is not for everybody")
	}
}

func TestANewTokenLetsEverybodyInAgain(t *testing.T) {
	t.Parallel()
	b, service := start(t, monosay.Options{}, nil)
	service.SetToken("another")
	if _, err := b.Deliver(t.Context(), all(ann)); !errors.Is(err, store.ErrDenied) || service.Denied() != 1 {
		t.Errorf("with the old token: %v", err)
	}
	service.SetToken(token)
	if _, err := b.Deliver(t.Context(), all(ann)); err != nil {
		t.Error(err)
	}
}
