package middleware_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestObserveKeepsNoMemoryOfTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		event := []byte("U042Ann")
		s := &middleware.Sender{Channel: "slack", UserID: unsafe.String(&event[0], 4), At: noon}
		s.Set(store.FieldName, unsafe.String(&event[4], 3))
		mw.Observe(s)
		copy(event, "XXXXXXX") // the next event is decoded into the same buffer
		close(g.answers)
		flush(t, mw)
		if p := get(t, mw, store.Key{Channel: "slack", UserID: "U042"}); p.Name != "Ann" {
			t.Errorf("profile = %+v", p)
		}
	})
}

func TestTimesThatAnEventLacksOrInvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		mw, _ := start(t, st, middleware.Options{})
		at := map[string]time.Time{
			"1": {},
			"2": time.Unix(-5, 0),
			"3": time.Now().Add(6 * time.Minute),
			"4": time.Now().In(time.FixedZone("", 3600)),
		}
		for id, at := range at {
			s := &middleware.Sender{Channel: "x", UserID: id, At: at}
			s.Set(store.FieldName, "Ann")
			mw.Observe(s)
		}
		flush(t, mw)
		for id := range at {
			r, err := st.Get(t.Context(), store.Key{Channel: "x", UserID: id})
			must(t, err)
			if reg := r.Registers[0]; reg.At != time.Now().Round(0).UTC() {
				t.Errorf("%s: at %v, want now in UTC, without a monotonic reading", id, reg.At)
			}
		}
	})
}

func TestOfTwoStatementsTheLaterCounts(t *testing.T) {
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{})
	s := ann(0, "Ann")
	s.Set(store.FieldGivenName, "Anna")
	s.Clear("no_such_field")
	mw.Observe(s)
	flush(t, mw)
	r, err := st.Get(t.Context(), annKey)
	must(t, err)
	if p := r.Profile(); p.GivenName != "Anna" {
		t.Errorf("given_name = %q, want the later statement", p.GivenName)
	}
	if slices.ContainsFunc(r.Registers, func(r store.Register) bool { return !r.Field.Known() }) {
		t.Errorf("a field that does not exist is kept: %+v", r.Registers)
	}
}

func TestLateEventOfAnotherShapeIsNotLate(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	handle := func(second int) *middleware.Sender {
		s := &middleware.Sender{Channel: "telegram", NumericID: 42, At: noon.Add(time.Duration(second) * time.Second)}
		s.Set(store.FieldUsername, "ann")
		return s
	}
	mw.Observe(handle(0))
	flush(t, mw)
	mw.Observe(handle(20)) // unchanged, and says nothing of her name
	mw.Observe(ann(10, "Ann"))
	flush(t, mw)
	if p := get(t, mw, annKey); p.GivenName != "Ann" {
		t.Errorf("given_name = %q: an event that says nothing of it made it late", p.GivenName)
	}
}

func TestForgottenPersonIsAskedForOnceAPeriod(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	must(t, mw.Forget(t.Context(), annKey))
	for minute := range 180 {
		mw.Observe(ann(60*minute, "Ann"))
		flush(t, mw)
	}
	if got := st.asked(); got < 3 || got > 4 {
		t.Errorf("in three hours the store was asked %d times; another process may have let her in", got)
	}
}

func TestEndOfAHugeValueDoesNotCount(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	for i := range 10 {
		mw.Observe(ann(i, strings.Repeat("x", 5000)+fmt.Sprint(i)))
		flush(t, mw)
	}
	if got := st.asked(); got != 1 {
		t.Errorf("asked %d times about what Repair cuts off", got)
	}
}

func TestFirstMessageOfSomebodyStatedByHand(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{When: middleware.FirstMessage})
	must(t, mw.Set(t.Context(), annKey, store.Pinned, store.Profile{Nickname: "the boss"}))
	mw.Observe(ann(0, "Ann"))
	wantAfterFlush(t, mw, j, "created")
}

func TestReadmittedPersonGetsTheirLocaleBack(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{SeenEvery: -1})
	with := func(second int) *middleware.Sender {
		s := ann(second, "Ann")
		s.Set(store.FieldLocale, "pt-BR")
		return s
	}
	mw.Observe(with(0))
	flush(t, mw)
	must(t, mw.Forget(t.Context(), annKey))
	must(t, mw.Readmit(t.Context(), annKey))
	mw.Observe(ann(1, "Ann"))
	flush(t, mw)
	mw.Observe(with(2))
	flush(t, mw)
	if p := get(t, mw, annKey); p.Locale != "pt-BR" {
		t.Errorf("locale = %q", p.Locale)
	}
}

func TestSetsOfTwoSourcesKeepTheirOwnTime(t *testing.T) {
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{})
	ahead := store.Patch{Key: annKey, Source: store.Pinned, At: time.Now().Add(time.Hour),
		Set: map[store.Field]string{store.FieldNickname: "boss"}}
	if _, err := st.Apply(t.Context(), []store.Record{ahead.Record()}); err != nil {
		t.Fatal(err)
	}
	must(t, mw.Set(t.Context(), annKey, store.Declared, store.Profile{GivenName: "Ann"}))
	r, err := st.Get(t.Context(), annKey)
	must(t, err)
	for _, reg := range r.Registers {
		if reg.Source == store.Declared && reg.At.After(time.Now()) {
			t.Errorf("what she declared is dated %v, by the pin of another source", reg.At)
		}
	}
}
