package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

func TestTrickyKeyPairsStayApart(t *testing.T) {
	t.Parallel()
	for _, pair := range hostile.KeyPairs {
		a, b := store.Key(pair[0]), store.Key(pair[1])
		for _, k := range []store.Key{a, b} {
			if err := k.Validate(); err != nil {
				t.Errorf("%+q: %v", k, err)
			}
			if back, err := store.ParseKey(k.String()); err != nil || back != k {
				t.Errorf("%+q reads back as %+q, %v", k, back, err)
			}
		}
		if a == b || a.String() == b.String() || a.Compare(b) == 0 || a.Compare(b) != -b.Compare(a) {
			t.Errorf("%+q and %+q are one person", a, b)
		}
	}
}

func TestBadKeysAreRefusedAndNeverRepaired(t *testing.T) {
	t.Parallel()
	for _, k := range hostile.BadKeys {
		err := store.Key(k).Validate()
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%.80q: %v", k, err)
			continue
		}
		if len(err.Error()) > 200 || k.UserID != "" && k.UserID != "2" && strings.Contains(err.Error(), k.UserID) {
			t.Errorf("the error tells the id: %.80q", err)
		}
		text := store.Key(k).String()
		if got, err := store.ParseKey(text); err == nil && got == store.Key(k) {
			t.Errorf("ParseKey takes %.80q", text)
		}
	}
	t.Attr("figure", fmt.Sprintf("%d keys", len(hostile.BadKeys)))
}

func TestTheFirstColonEndsTheChannel(t *testing.T) {
	t.Parallel()
	got, err := store.ParseKey("telegram:1:2")
	if want := (store.Key{Channel: "telegram", UserID: "1:2"}); err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "telegram", ":", ":42", "telegram:", "Telegram:42"} {
		if got, err := store.ParseKey(bad); !errors.Is(err, store.ErrInvalid) || !got.IsZero() {
			t.Errorf("ParseKey(%q) = %v, %v", bad, got, err)
		}
	}
}

func TestKeysAreOrderedByChannelFirst(t *testing.T) {
	t.Parallel()
	// By their text the first would come last: '-' sorts before ':'.
	a, b := store.Key{Channel: "a", UserID: "9"}, store.Key{Channel: "a-b", UserID: "1"}
	if a.Compare(b) >= 0 || a.String() < b.String() {
		t.Error("a:9 does not come before a-b:1")
	}
	key := rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{
			Channel: rapid.StringMatching(`[ab-]{1,2}`).Draw(t, "channel"),
			UserID:  rapid.StringMatching(`[ab:-]{1,2}`).Draw(t, "id"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := key.Draw(t, "a"), key.Draw(t, "b"), key.Draw(t, "c")
		if (a.Compare(b) == 0) != (a == b) || a.Compare(b) != -b.Compare(a) {
			t.Fatal("not antisymmetric")
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatal("not transitive")
		}
	})
}

func FuzzParseKey(f *testing.F) {
	for _, pair := range hostile.KeyPairs {
		f.Add(store.Key(pair[0]).String())
		f.Add(store.Key(pair[1]).String())
	}
	for _, k := range hostile.BadKeys {
		if len(k.UserID) < 1000 {
			f.Add(store.Key(k).String())
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := store.ParseKey(s)
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) || !k.IsZero() {
				t.Fatalf("%v, %v", k, err)
			}
			return
		}
		if k.String() != s || k.Validate() != nil {
			t.Fatalf("%q became %+q", s, k)
		}
	})
}
