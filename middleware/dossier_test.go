package middleware_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func exported(t *testing.T, mw *middleware.Middleware, key store.Key) string {
	t.Helper()
	d, err := mw.Export(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestExportHoldsAllThatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		f := newForeign("crm")
		never := newForeign("desk")
		never.fault = func(c call) fault {
			if c.Erase {
				return fault{}
			}
			return fault{err: fmt.Errorf("no room for more: %w", store.ErrInvalid)}
		}
		mw, _ := start(t, st, middleware.Options{Backends: backends(erasing{f}, erasing{never})})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		if err := mw.Set(t.Context(), annKey, store.Declared, store.Profile{Email: "ann@example.org"}); err != nil {
			t.Fatal(err)
		}
		if err := mw.Set(t.Context(), annKey, store.Pinned, store.Profile{Bio: "a regular"}); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		st.failWith(away)
		mw.Observe(ann(1, "Annabel")) // waits in memory
		text := exported(t, mw, annKey)
		for _, want := range []string{`"Annabel"`, `"ann@example.org"`, `"source":"declared"`, `"backend":"crm"`, `"state":"delivered"`, `"remote":"id of 42"`,
			`"a regular"`, `"source":"pinned"`, `"backend":"desk"`, `"state":"dead"`, `"reason":"no room for more`} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in %s", want, text)
			}
		}
		if strings.Contains(text, "token") {
			t.Errorf("a claim's token in %s", text)
		}
		st.failWith(nil)
		flush(t, mw)

		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		text = exported(t, mw, annKey)
		if !strings.Contains(text, `"forgotten":true`) || !strings.Contains(text, `"state":"erased"`) ||
			strings.Contains(text, "Ann") || strings.Contains(text, "regular") || strings.Contains(text, "no room") || strings.Contains(text, "example.org") || strings.Contains(text, "id of") {
			t.Errorf("after Forget: %s", text)
		}
		if text := exported(t, mw, store.Key{Channel: "telegram", UserID: "9"}); text != `{"key":{"channel":"telegram","user_id":"9"}}` {
			t.Errorf("of a stranger: %s", text)
		}
	})
}

func TestExportFromAStoreWithoutOutbox(t *testing.T) {
	mw, _ := start(t, struct{ store.Store }{memstore.New()}, middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	if text := exported(t, mw, annKey); !strings.Contains(text, `"Ann"`) {
		t.Errorf("exported %s", text)
	}
}

// Whoever hides something before it is sent to the person changes nothing that is kept.
func TestExportIsTheCallersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "busy"))
		synctest.Wait()
		mw.Observe(ann(0, "Ann"))
		withNick := ann(1, "Ann")
		withNick.Set(store.NickField("7"), "Annie")
		mw.Observe(withNick)
		d, err := mw.Export(t.Context(), annKey)
		must(t, err)
		d.Record.Registers = slices.DeleteFunc(d.Record.Registers, func(r store.Register) bool { return r.Field == store.FieldGivenName })
		close(g.answers)
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Ann" || p.Nicks["7"] != "Annie" {
			t.Errorf("saved is %+v", p)
		}
	})
}
