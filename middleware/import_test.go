package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func senders(list ...*middleware.Sender) iter.Seq2[middleware.Sender, error] {
	return func(yield func(middleware.Sender, error) bool) {
		for _, s := range list {
			if !yield(*s, nil) {
				return
			}
		}
	}
}

// crowd is n people, from id 1 on.
func crowd(n int, name string) (list []*middleware.Sender) {
	for i := range n {
		list = append(list, person(uint64(i+1), 0, name))
	}
	return list
}

func doImport(t *testing.T, mw *middleware.Middleware, list ...*middleware.Sender) middleware.ImportProgress {
	t.Helper()
	p, err := mw.Import(t.Context(), senders(list...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantProgress(t *testing.T, got, want middleware.ImportProgress) {
	t.Helper()
	if want.Dropped == nil {
		want.Dropped = map[middleware.Reason]int{}
	}
	sum := got.Created + got.Updated + got.Unchanged + got.Coalesced + got.Failed
	for _, n := range got.Dropped {
		sum += n
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || sum != got.Read {
		t.Errorf("progress\n got %+v\nwant %+v", got, want)
	}
}

func TestImportDecidesAsObserveDoes(t *testing.T) {
	list := func() []*middleware.Sender {
		dirty := person(1, 0, "\u202eAnn\x00 \n")
		dirty.Set(store.CustomKey("undefined"), `"x"`)
		bot := person(2, 0, "Bot")
		bot.Drop = middleware.ReasonBot
		invalid := person(0, 0, "Ann")
		invalid.NumericID, invalid.UserID = 0, "4\x002"
		later := person(7, 100, "Later")
		later.Set(store.FieldUsername, "later")
		return []*middleware.Sender{
			dirty, bot, person(0, 0, "Nobody"), invalid, person(3, 0, "Filtered"), person(4, 0, "Forgotten"),
			person(5, 0, "Older"), person(6, 90, "Newer"), later, person(7, 50, "Earlier"), person(8, 0, "panic"),
			person(9, 0, "Same"), {},
		}
	}
	mw := func(j *journal, st store.Store) *middleware.Middleware {
		mw, _ := start(t, st, middleware.Options{OnOutcome: j.note, Who: func(s middleware.Sender) bool {
			if s.NumericID == 8 {
				panic("of Who")
			}
			return s.Drop == "" && s.NumericID != 3
		}})
		for _, s := range []*middleware.Sender{person(5, 60, "Kept"), person(6, 60, "Kept"), person(9, 0, "Same")} {
			mw.Observe(s)
		}
		must(t, mw.Forget(t.Context(), store.Key{Channel: "telegram", UserID: "4"}))
		flush(t, mw)
		return mw
	}
	var ours, theirs journal
	imported, observed := memstore.New(), memstore.New()
	im := mw(&ours, imported)
	before, quiet := im.Stats(), len(ours.all())
	wantProgress(t, doImport(t, im, list()...), middleware.ImportProgress{
		Read: 13, Created: 2, Updated: 1, Unchanged: 2, Coalesced: 1,
		Dropped: map[middleware.Reason]int{
			middleware.ReasonBot: 1, middleware.ReasonNobody: 2, middleware.ReasonInvalidKey: 1, middleware.ReasonWho: 1,
			middleware.ReasonSuppressed: 1, middleware.ReasonPanic: 1,
		},
	})
	if im.Stats() != before {
		t.Errorf("Stats were %+v and are %+v", before, im.Stats())
	}
	flush(t, im)
	if n := len(ours.all()); n != quiet {
		t.Errorf("the hooks heard of %v", ours.results()[quiet:])
	}
	ob := mw(&theirs, observed)
	for _, s := range list() {
		ob.Observe(s)
	}
	flush(t, ob)
	got, want := everybody(t, imported), everybody(t, observed)
	if len(want) != 5 || !maps.EqualFunc(got, want, func(a, b store.Record) bool { return a.Equal(b) }) {
		t.Errorf("Import keeps\n%v\nObserve keeps\n%v", got, want)
	}
	wantNothingLeft(t, im)
}

func everybody(t *testing.T, st store.Store) map[store.Key]store.Record {
	t.Helper()
	all := make(map[store.Key]store.Record)
	for p, err := range st.List(t.Context(), store.Filter{}) {
		must(t, err)
		r, err := st.Get(t.Context(), p.Key)
		must(t, err)
		all[p.Key] = r
	}
	return all
}

func TestImportGoesInBatchesAndTellsOfEach(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{ExpectedPeople: 10_000})
	var told []middleware.ImportProgress
	list := crowd(1250, "Ann")
	for range 2 {
		told = nil
		last, err := mw.Import(t.Context(), senders(list...), &middleware.ImportOptions{Progress: func(p middleware.ImportProgress) {
			if n := len(everybody(t, st)); n < p.Read {
				t.Errorf("%d of %d are kept", n, p.Read)
			}
			p.Dropped["mine"] = 1 // the map is the receiver's
			told = append(told, p)
		}})
		must(t, err)
		if len(told) != 3 || told[0].Read != 500 || told[1].Read != 1000 || told[2].Read != 1250 || last.Read != 1250 || len(last.Dropped) != 0 {
			t.Errorf("told %+v, and at the end %+v", told, last)
		}
	}
	if asked := st.asked(); asked != 3 {
		t.Errorf("the store was asked %d times, the second time for people who are known", asked)
	}
	if told[2].Unchanged != 1250 {
		t.Errorf("the second time %+v", told[2])
	}
}

func TestImportedPeopleAreKnown(t *testing.T) {
	st := newFaultyStore()
	mw, j := start(t, st, middleware.Options{ExpectedPeople: 10_000})
	doImport(t, mw, crowd(700, "Ann")...)
	asked := st.asked()
	for _, s := range crowd(700, "Ann") {
		mw.Observe(s)
	}
	flush(t, mw)
	unchanged := 0
	for _, r := range j.results() {
		if r == "unchanged" {
			unchanged++
		}
	}
	if st.asked() != asked || unchanged != 700 {
		t.Errorf("the store was asked %d times, %d of 700 were unchanged", st.asked()-asked, unchanged)
	}
}

// The table knows the first state all the while.
func TestImportSeesWhoChangesBack(t *testing.T) {
	for name, c := range map[string]struct {
		list  []*middleware.Sender
		event *middleware.Sender // comes and is saved after the first of list
	}{
		"in one batch":                       {list: []*middleware.Sender{ann(2, "Anna"), ann(3, "Ann")}},
		"and an older event comes meanwhile": {list: []*middleware.Sender{ann(2, "Anna"), ann(3, "Ann")}, event: ann(1, "Ann")},
		"in an event that comes meanwhile":   {list: []*middleware.Sender{ann(2, "Anna")}, event: ann(3, "Ann")},
	} {
		t.Run(name, func(t *testing.T) {
			mw, _ := start(t, memstore.New(), middleware.Options{})
			mw.Observe(ann(0, "Ann"))
			flush(t, mw)
			_, err := mw.Import(t.Context(), func(yield func(middleware.Sender, error) bool) {
				for i, s := range c.list {
					if !yield(*s, nil) {
						return
					}
					if i == 0 && c.event != nil {
						mw.Observe(c.event)
						flush(t, mw)
					}
				}
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := get(t, mw, annKey).GivenName; got != "Ann" {
				t.Errorf("the name is %q, and the newest word is Ann", got)
			}
		})
	}
}

// Sender.At decides how long somebody was silent, and whether the next event is
// written.
func TestImportAndWhenPeopleWereSeen(t *testing.T) {
	for name, c := range map[string]struct {
		ago           time.Duration // 0: Sender.At is zero
		writes, stays bool
	}{
		"long ago":         {400 * day, true, false},
		"within Retention": {300 * day, true, true},
		"within SeenEvery": {time.Millisecond, false, true},
		"at no known time": {0, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, retention := range []time.Duration{0, 365 * day} {
					st := newFaultyStore()
					mw, _ := start(t, st, middleware.Options{Retention: retention, SeenEvery: 24 * time.Hour})
					s := ann(0, "Ann")
					s.At = time.Time{}
					if c.ago > 0 {
						s.At = time.Now().Add(-c.ago)
					}
					recent := person(7, 0, "Bob") // by whom the sweeps see that the clock is right
					recent.At = time.Now().Add(-day)
					doImport(t, mw, s, recent)
					if retention > 0 {
						time.Sleep(time.Hour)
						synctest.Wait()
						if _, err := mw.Get(t.Context(), annKey); errors.Is(err, store.ErrNotFound) == c.stays {
							t.Errorf("after an hour: %v", err)
						}
						continue
					}
					before := st.asked()
					s.At = time.Now()
					mw.Observe(s)
					flush(t, mw)
					if wrote := st.asked() > before; wrote != c.writes {
						t.Errorf("the next event was written: %t", wrote)
					}
				}
			})
		})
	}
}

func TestImportOfNoSequence(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	if p, err := mw.Import(t.Context(), nil, nil); !errors.Is(err, store.ErrInvalid) || p.Read != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestImportEndsWithWhatWasReadBeforeAnErrorOfTheSenders(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	p, err := mw.Import(t.Context(), func(yield func(middleware.Sender, error) bool) {
		for _, s := range crowd(600, "Ann") {
			yield(*s, nil)
		}
		if yield(middleware.Sender{}, errOdd) {
			t.Error("it goes on after an error")
		}
	}, nil)
	if !errors.Is(err, errOdd) {
		t.Error(err)
	}
	wantProgress(t, p, middleware.ImportProgress{Read: 600, Created: 600})
}

func TestImportThatTheStoreRefusesCanBeBegunAnew(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	calls := 0
	st.failWith(func(d []store.Record) error {
		if calls++; calls == 3 {
			return away(d)
		}
		return nil
	})
	told := 0
	p, err := mw.Import(t.Context(), senders(crowd(2000, "Ann")...), &middleware.ImportOptions{Progress: func(middleware.ImportProgress) { told++ }})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "after 1000 senders") || told != 2 || calls != 3 {
		t.Errorf("%v, told %d times, the store was asked %d times", err, told, calls)
	}
	wantProgress(t, p, middleware.ImportProgress{Read: 1000, Created: 1000})
	wantNothingLeft(t, mw)
	list := crowd(2000, "Ann")
	p, err = mw.Import(t.Context(), senders(list[p.Read:]...), nil)
	must(t, err)
	wantProgress(t, p, middleware.ImportProgress{Read: 1000, Created: 1000})
	wantProgress(t, doImport(t, mw, list...), middleware.ImportProgress{Read: 2000, Unchanged: 2000})
}

func TestImportGoesOnPastPeopleWhomTheStoreRefuses(t *testing.T) {
	st := newFaultyStore()
	mw, j := start(t, st, middleware.Options{})
	refused := func(d []store.Record, id string, err error) error {
		if slices.ContainsFunc(d, func(r store.Record) bool { return r.Key.UserID == id }) {
			return fmt.Errorf("apply: %w", err)
		}
		return nil
	}
	st.failWith(func(d []store.Record) error {
		return errors.Join(refused(d, "77", store.ErrInvalid), refused(d, "78", errOdd), refused(d, "444", errOdd))
	})
	wantProgress(t, doImport(t, mw, crowd(600, "Ann")...), middleware.ImportProgress{Read: 600, Created: 597, Failed: 3})
	if n := len(everybody(t, st)); n != 597 {
		t.Errorf("%d are kept", n)
	}
	st.failWith(func(d []store.Record) error { return errOdd }) // no kind that the middleware knows
	asked := st.asked()
	p, err := mw.Import(t.Context(), senders(crowd(600, "Anna")...), nil)
	if !errors.Is(err, errOdd) || p.Read != 0 || st.asked()-asked > 20 {
		t.Errorf("%v after %d, the store was asked %d times", err, p.Read, st.asked()-asked)
	}
	wantNothingLeft(t, mw)
	wantResults(t, j)
}

func TestImportHeedsItsContextAndClose(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	p, err := mw.Import(ctx, senders(crowd(2000, "Ann")...), &middleware.ImportOptions{Progress: func(middleware.ImportProgress) { cancel() }})
	if !errors.Is(err, context.Canceled) || p.Read != 500 {
		t.Errorf("%v after %d", err, p.Read)
	}
	p, err = mw.Import(t.Context(), senders(crowd(2000, "Bea")...), &middleware.ImportOptions{Progress: func(middleware.ImportProgress) {
		must(t, mw.Close(context.Background()))
	}})
	if !errors.Is(err, store.ErrClosed) || p.Read != 500 || len(p.Dropped) > 0 {
		t.Errorf("%v after %+v", err, p)
	}
	if p, err := mw.Import(t.Context(), senders(crowd(1, "Bea")...), nil); !errors.Is(err, store.ErrClosed) || p.Read != 0 {
		t.Errorf("after Close %v, %+v", err, p)
	}
}

func TestImportAndWhen(t *testing.T) {
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{When: middleware.FirstMessage})
	wantProgress(t, doImport(t, mw, person(1, 0, "Ann"), person(1, 5, "Anna")), middleware.ImportProgress{Read: 2, Created: 1, Coalesced: 1})
	wantProgress(t, doImport(t, mw, person(1, 9, "Annie"), person(2, 0, "Bea")), middleware.ImportProgress{
		Read: 2, Created: 1, Dropped: map[middleware.Reason]int{middleware.ReasonWhen: 1},
	})
	if p := get(t, mw, store.Key{Channel: "telegram", UserID: "1"}); p.GivenName != "Ann" {
		t.Errorf("the first is not kept, but %q", p.GivenName)
	}
	mw, _ = start(t, st, middleware.Options{When: middleware.StartOnly})
	begun := person(3, 0, "Cy")
	begun.Start = true
	wantProgress(t, doImport(t, mw, person(4, 0, "Dee"), begun), middleware.ImportProgress{
		Read: 2, Created: 1, Dropped: map[middleware.Reason]int{middleware.ReasonWhen: 1},
	})
}

func TestWhoIsImportedIsDeliveredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var delivered []string
		crm := store.BackendFunc("crm", func(_ context.Context, d store.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			delivered = append(delivered, d.Profile.GivenName)
			return nil
		})
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: []store.Backend{crm}})
		must(t, mw.Drain(t.Context()))
		for i, name := range []string{"Ann", "Anna"} {
			doImport(t, mw, person(1, i, name))
			synctest.Wait() // no time passes
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(delivered, []string{"Ann", "Anna"}) {
			t.Errorf("delivered %q", delivered)
		}
	})
}
