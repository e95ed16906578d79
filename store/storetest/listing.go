package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// fill puts the crowd into a new store, and returns it as List must show it.
func (p *probe) fill() (store.Store, []store.Profile) {
	st := p.open()
	deltas := crowd()
	kept := make(map[store.Key]store.Record)
	for _, d := range deltas {
		kept[d.Key] = store.Merge(kept[d.Key], d)
	}
	p.rand.Shuffle(len(deltas), func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
	p.apply(st, deltas...)
	people := make([]store.Profile, 0, len(kept))
	for _, r := range kept {
		people = append(people, r.Profile())
	}
	slices.SortFunc(people, func(a, b store.Profile) int { return a.Key.Compare(b.Key) })
	return st, people
}

func matching(people []store.Profile, f store.Filter) []store.Profile {
	var kept []store.Profile
	for _, person := range people {
		if f.Match(person) && person.Key.Compare(f.After) > 0 && (f.Limit <= 0 || len(kept) < f.Limit) {
			kept = append(kept, person)
		}
	}
	return kept
}

func listOrder(p *probe) {
	st := p.open()
	var keys []store.Key
	for _, channel := range []string{"a", "a-b", "a0", "a_b", "aa", "b"} {
		for _, id := range []string{"!", "10", "9", "A", "Z", "a", "é", "z", "\u00ff", "\uffee", "😀"} {
			keys = append(keys, store.Key{Channel: channel, UserID: id})
		}
	}
	p.rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, key := range keys {
		p.apply(st, observed(key, after(0), nil))
	}
	slices.SortFunc(keys, store.Key.Compare)
	if got := keysOf(p.list(st, store.Filter{})); !slices.Equal(got, keys) {
		p.failf("List yields\n\t%q\nand should yield\n\t%q", got, keys)
	}
}

func listProfiles(p *probe) {
	st, people := p.fill()
	p.samePeople("List", p.list(st, store.Filter{}), people)
	for _, person := range people {
		p.samePeople("Get", []store.Profile{p.profile(st, person.Key)}, []store.Profile{person})
	}
}

func listFilters(p *probe) {
	st, people := p.fill()
	var filters []store.Filter
	for _, channel := range []string{"", "telegram", "tele-2", "nowhere"} {
		for _, status := range []store.Status{"", store.StatusActive, store.StatusLeft, store.StatusDeleted} {
			filters = append(filters, store.Filter{Channel: channel, Status: status})
		}
	}
	for _, t := range []time.Time{after(0), after(3), after(102), after(102).Add(1), after(102).Add(2), after(999), time.Unix(1<<34, 0)} {
		filters = append(filters,
			store.Filter{SeenSince: t},
			store.Filter{SeenBefore: t},
			store.Filter{CreatedSince: t},
			store.Filter{SeenBefore: t, SeenSince: after(102), Status: store.StatusActive},
			store.Filter{SeenSince: t.In(time.FixedZone("", -7200)), Channel: "telegram"},
		)
	}
	longAgo := time.Unix(-1<<40, 0) // before the zero time, which people never seen have
	filters = append(filters, store.Filter{SeenBefore: longAgo}, store.Filter{SeenSince: longAgo}, store.Filter{CreatedSince: longAgo})
	filters = append(filters, store.Filter{SeenBefore: after(102), Limit: 7}, store.Filter{
		Channel: "discord", Status: store.StatusActive, SeenSince: after(101), CreatedSince: after(2), Search: "nick", Limit: 2,
	})
	for _, f := range filters {
		p.samePeople(fmt.Sprintf("List %+v", f), p.list(st, f), matching(people, f))
	}
}

func listSearch(p *probe) {
	st, people := p.fill()
	for _, search := range []string{
		"ann", "ANN", "nn", "strasse", "STRASSE", "straße", "σίσυφος", "ünal", "U\u0308NAL", "nick1", "NICK11",
		"%", "_", "100%", "under_score", "underXscore", "a%n", "*", "'", `\`, "unseen@", "nobody at all",
		"\x00", "an\x00n", "ann\x00", "\xff",
	} {
		for _, channel := range []string{"", "telegram"} {
			f := store.Filter{Search: search, Channel: channel}
			p.samePeople(fmt.Sprintf("List %+v", f), p.list(st, f), matching(people, f))
		}
	}
}

func listMisspelt(p *probe) {
	st, _ := p.fill()
	for _, f := range []store.Filter{{Status: "actve"}, {Status: "Active", Channel: "telegram", Limit: 1}} {
		var last error
		for person, err := range st.List(p.ctx, f) {
			if err == nil || last != nil {
				p.failf("List %+v yields %s, %v", f, person.Key, err)
			}
			last = err
		}
		p.errorIs(fmt.Sprintf("List %+v", f), last, store.ErrInvalid)
	}
}

func listCursor(p *probe) {
	st, people := p.fill()
	for _, f := range []store.Filter{{}, {Channel: "telegram"}, {Status: store.StatusActive}, {Search: "nick1"}} {
		want := matching(people, f)
		for _, size := range []int{1, 2, 5, len(want), len(want) + 1} {
			var got []store.Profile
			page := f
			page.Limit = size
			for range len(want) + 2 {
				next := p.list(st, page)
				if len(next) > size {
					p.failf("List with Limit %d yields %d", size, len(next))
				}
				got = append(got, next...)
				if len(next) < size {
					break
				}
				page.After = next[len(next)-1].Key
			}
			p.samePeople(fmt.Sprintf("pages of %d of %+v", size, f), got, want)
		}
	}
	for _, f := range []store.Filter{{Limit: -1}, {Limit: -1 << 31}, {Limit: -1, Channel: "telegram", After: people[0].Key}} {
		p.samePeople(fmt.Sprintf("List %+v, whose Limit is none,", f), p.list(st, f), matching(people, f))
	}
	// A cursor need not be somebody who is kept, nor of the filter's channel.
	for _, cursor := range []store.Key{
		{Channel: "discord", UserID: "1003!"}, {Channel: "m", UserID: "1"}, {Channel: "zzz", UserID: "1"}, {Channel: "a", UserID: "1"},
	} {
		for _, channel := range []string{"", "discord"} {
			f := store.Filter{After: cursor, Channel: channel}
			p.samePeople(fmt.Sprintf("List %+v", f), p.list(st, f), matching(people, f))
		}
	}
}

func listBreak(p *probe) {
	st, people := p.fill()
	for range 20 {
		for person, err := range st.List(p.ctx, store.Filter{}) {
			if err != nil || person.Key != people[0].Key {
				p.failf("the first of List is %s, %v", person.Key, err)
			}
			break
		}
	}
	seq := st.List(p.ctx, store.Filter{})
	for range 2 {
		n := 0
		for _, err := range seq {
			if err != nil {
				p.failf("List: %v", err)
			}
			n++
		}
		if n != len(people) {
			p.failf("a sequence that is ranged over again yields %d people of %d", n, len(people))
		}
	}
	p.within("Apply after listings were broken off", func() error {
		_, err := st.Apply(p.ctx, []store.Record{known(ann())})
		return err
	})
}

func listCancelled(p *probe) {
	st, _ := p.fill()
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	var last error
	for person, err := range st.List(ctx, store.Filter{}) {
		if err == nil {
			p.failf("List with a cancelled context yields %s", person.Key)
		}
		if !person.Key.IsZero() {
			p.failf("an error comes with the profile of %s", person.Key)
		}
		if last != nil {
			p.failf("List goes on after an error")
		}
		last = err
	}
	p.errorIs("List with a cancelled context", last, context.Canceled)
}

func listBesideWrites(p *probe) {
	st, people := p.fill()
	writer := p.racers(st, 1)[0]
	var got []store.Key
	n := 0
	for person, err := range st.List(p.ctx, store.Filter{}) {
		if err != nil {
			p.failf("List beside writes: %v", err)
		}
		got = append(got, person.Key)
		newcomer := numbered("discord", 5000+p.rand.IntN(1e6))
		p.within("Apply while a listing is under way", func() error {
			_, err := writer.Apply(p.ctx, []store.Record{
				observed(newcomer, after(500), nil),
				observed(people[n%len(people)].Key, after(500+n), fields{store.FieldUsername: fmt.Sprint("u", n)}),
			})
			return err
		})
		if n++; n > 10*len(people) {
			p.failf("a listing beside writes does not end")
		}
	}
	if !slices.IsSortedFunc(got, store.Key.Compare) || len(slices.Compact(slices.Clone(got))) != len(got) {
		p.failf("beside writes List yields somebody twice, or out of order: %q", got)
	}
	for _, key := range keysOf(people) {
		if !slices.Contains(got, key) {
			p.failf("beside writes List leaves out %s, who was there all along", key)
		}
	}
}

// within wants call to return nil before long.
func (p *probe) within(doing string, call func() error) {
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		if err != nil {
			p.failf("%s: %v", doing, err)
		}
	case <-time.After(p.patience):
		p.failf("%s blocks", doing)
	}
}
