package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// mutants are what storetest must catch, and the property that names the fault.
// Others may fail with it.
var mutants = []struct {
	name   string
	caught string
	breaks func(m *mutant)
}{
	{"last writer by arrival", "order-does-not-matter", func(m *mutant) {
		arrivals := 0
		m.registers(func(reg store.Register) store.Register {
			arrivals++
			reg.At = after(1000 + arrivals)
			return reg
		})
	}},
	{"keeps what it saw first", "set-replaces", func(m *mutant) {
		m.registers(func(reg store.Register) store.Register {
			reg.At = epoch.Add(epoch.Sub(reg.At))
			return reg
		})
	}},
	{"forgets clears", "clear-clears", func(m *mutant) {
		m.deltas(func(d store.Record) store.Record {
			d.Registers = slices.DeleteFunc(d.Registers, func(reg store.Register) bool { return reg.Cleared })
			return d
		})
	}},
	{"blanks what is absent", "absent-keeps", func(m *mutant) {
		m.deltas(func(d store.Record) store.Record {
			all := make(fields)
			for _, f := range store.Fields() {
				all[f] = ""
			}
			return store.Merge(observed(d.Key, d.LastSeen.Add(-1), all), d)
		})
	}},
	{"creates twice", "created-once", func(m *mutant) {
		m.reports(func(c store.Change) store.Change {
			c.Created = !c.Suppressed
			return c
		})
	}},
	{"creates whoever is stated", "created-once", func(m *mutant) {
		m.deltas(func(d store.Record) store.Record {
			if d.FirstSeen.IsZero() {
				d.FirstSeen, d.LastSeen = epoch, epoch
			}
			return d
		})
	}},
	{"looks and then writes", "created-once-in-a-race", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			known := make([]bool, len(deltas))
			for i, d := range deltas {
				_, err := m.Store.Get(ctx, d.Key)
				known[i] = err == nil
			}
			time.Sleep(10 * time.Millisecond)
			changes, err := m.Store.Apply(ctx, deltas)
			for i := range changes {
				changes[i].Created = !known[i]
			}
			return changes, err
		}
	}},
	{"reads and then writes", "merges-in-a-race", func(m *mutant) {
		var mu sync.Mutex
		kept := make(map[store.Key]store.Record)
		m.get = func(_ context.Context, key store.Key) (store.Record, error) {
			mu.Lock()
			defer mu.Unlock()
			return kept[key], nil
		}
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			for _, d := range deltas {
				r, _ := m.Get(ctx, d.Key)
				time.Sleep(time.Millisecond)
				mu.Lock()
				kept[d.Key], _ = r.Apply(d)
				mu.Unlock()
			}
			return m.Store.Apply(ctx, deltas)
		}
	}},
	{"has one source", "sources-are-ranked", func(m *mutant) {
		m.registers(func(reg store.Register) store.Register {
			reg.Source = store.Observed
			return reg
		})
	}},
	{"reports no fields", "changes-are-true", func(m *mutant) {
		m.reports(func(c store.Change) store.Change {
			c.Fields = nil
			return c
		})
	}},
	{"never says Same", "changes-are-true", func(m *mutant) {
		m.reports(func(c store.Change) store.Change {
			c.Same = false
			return c
		})
	}},
	{"keeps the last of a batch", "repeated-keys", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			last := make(map[store.Key]int)
			for i, d := range deltas {
				last[d.Key] = i
			}
			var kept []store.Record
			for i, d := range deltas {
				if last[d.Key] == i {
					kept = append(kept, d)
				}
			}
			changes, err := m.Store.Apply(ctx, kept)
			for len(changes) > 0 && len(changes) < len(deltas) {
				changes = append(changes, changes[0])
			}
			return changes, err
		}
	}},
	{"changes in another order", "full-batch", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			changes, err := m.Store.Apply(ctx, slices.SortedFunc(slices.Values(deltas), func(a, b store.Record) int { return a.Key.Compare(b.Key) }))
			return changes, err
		}
	}},
	{"applies half a batch", "all-or-nothing", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			var changes []store.Change
			for i := range deltas {
				c, err := m.Store.Apply(ctx, deltas[i:i+1])
				if err != nil {
					return nil, err
				}
				changes = append(changes, c...)
			}
			_, err := m.Store.Apply(ctx, nil)
			return changes, err
		}
	}},
	{"skips malformed keys", "malformed-keys", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			return m.Store.Apply(ctx, slices.DeleteFunc(slices.Clone(deltas), func(d store.Record) bool { return d.Key.Validate() != nil }))
		}
	}},
	{"refuses an empty batch", "empty-batch", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			if len(deltas) == 0 {
				return nil, store.ErrInvalid
			}
			return m.Store.Apply(ctx, deltas)
		}
	}},
	{"takes 256 at most", "full-batch", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			return m.Store.Apply(ctx, deltas[:min(len(deltas), 256)])
		}
	}},
	{"ignores the context", "cancelled-changes-nothing", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			return m.Store.Apply(context.WithoutCancel(ctx), deltas)
		}
	}},
	{"writes although cancelled", "cancelled-changes-nothing", func(m *mutant) {
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			return errors.Join(m.Store.Forget(context.WithoutCancel(ctx), key, suppress), ctx.Err())
		}
	}},
	{"forgets the channel", "channels-apart", func(m *mutant) {
		m.keys(func(key store.Key) store.Key { return store.Key{Channel: "all", UserID: key.UserID} })
	}},
	{"joins keys with '_'", "keys-apart", func(m *mutant) {
		m.keys(func(key store.Key) store.Key {
			return store.Key{Channel: "all", UserID: key.Channel + "_" + key.UserID}
		})
	}},
	{"cuts ids at ':'", "keys-apart", func(m *mutant) {
		m.keys(func(key store.Key) store.Key {
			if id, _, _ := strings.Cut(key.UserID, ":"); id != "" {
				key.UserID = id
			}
			return key
		})
	}},
	{"folds the case of ids", "keys-apart", func(m *mutant) {
		m.keys(func(key store.Key) store.Key {
			key.UserID = strings.ToLower(key.UserID)
			return key
		})
	}},
	{"keeps ids as float64", "keys-apart", func(m *mutant) {
		m.keys(func(key store.Key) store.Key {
			if n, err := strconv.ParseFloat(key.UserID, 64); err == nil {
				key.UserID = strconv.FormatFloat(n, 'f', -1, 64)
			}
			return key
		})
	}},
	{"truncates times", "times-are-exact", func(m *mutant) {
		m.deltas(func(d store.Record) store.Record {
			for i := range d.Registers {
				d.Registers[i].At = d.Registers[i].At.Truncate(time.Microsecond)
			}
			return d
		})
	}},
	{"returns local times", "times-are-exact", func(m *mutant) {
		m.get = func(ctx context.Context, key store.Key) (store.Record, error) {
			r, err := m.Store.Get(ctx, key)
			r.LastSeen = r.LastSeen.In(time.FixedZone("", 3600))
			return r, err
		}
	}},
	{"keeps 100 bytes of a text", "texts-are-exact", func(m *mutant) {
		m.registers(func(reg store.Register) store.Register {
			reg.Value = reg.Value[:min(len(reg.Value), 100)]
			return reg
		})
	}},
	{"keeps ASCII", "texts-are-exact", func(m *mutant) {
		m.registers(func(reg store.Register) store.Register {
			reg.Value = strings.Map(func(r rune) rune { return min(r, 127) }, reg.Value)
			return reg
		})
	}},
	{"keeps what it was given", "no-sharing", func(m *mutant) {
		given := make(map[store.Key][]store.Register)
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			for _, d := range deltas {
				given[d.Key] = d.Registers
			}
			return m.Store.Apply(ctx, deltas)
		}
		m.get = func(ctx context.Context, key store.Key) (store.Record, error) {
			r, err := m.Store.Get(ctx, key)
			if len(given[key]) == len(r.Registers) {
				r.Registers = given[key]
			}
			return r, err
		}
	}},
	{"gives away its maps", "no-sharing", func(m *mutant) {
		var cache []store.Profile
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			if cache == nil {
				cache = people
			}
			return cache
		})
	}},
	{"returns bare errors", "not-found", func(m *mutant) {
		m.get = func(ctx context.Context, key store.Key) (store.Record, error) {
			r, err := m.Store.Get(ctx, key)
			if err != nil {
				err = errors.New(err.Error())
			}
			return r, err
		}
	}},
	{"returns an empty record for nobody", "not-found", func(m *mutant) {
		m.get = func(ctx context.Context, key store.Key) (store.Record, error) {
			r, err := m.Store.Get(ctx, key)
			if errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrSuppressed) {
				err = nil
			}
			return r, err
		}
	}},
	{"hides instead of erasing", "forget-erases", func(m *mutant) {
		hidden := make(map[store.Key]store.Record)
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			if r, err := m.Store.Get(ctx, key); err == nil {
				hidden[key] = r
			}
			return m.Store.Forget(ctx, key, suppress)
		}
		m.deltas(func(d store.Record) store.Record { return store.Merge(d, hidden[d.Key]) })
	}},
	{"always leaves a tombstone", "forget-erases", func(m *mutant) {
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			return m.Store.Forget(ctx, key, true)
		}
	}},
	{"ignores tombstones", "forget-suppresses", func(m *mutant) {
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			return m.Store.Forget(ctx, key, false)
		}
	}},
	{"leaves no tombstone for a stranger", "forget-suppresses", func(m *mutant) {
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			_, err := m.Store.Get(ctx, key)
			return m.Store.Forget(ctx, key, suppress && err == nil)
		}
	}},
	{"lifts a tombstone by forgetting", "forget-suppresses", func(m *mutant) {
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			if !suppress {
				_ = m.Store.Readmit(ctx, key)
			}
			return m.Store.Forget(ctx, key, suppress)
		}
	}},
	{"does not say Suppressed in Get", "forget-suppresses", func(m *mutant) {
		m.get = func(ctx context.Context, key store.Key) (store.Record, error) {
			r, err := m.Store.Get(ctx, key)
			if errors.Is(err, store.ErrSuppressed) {
				err = store.ErrNotFound
			}
			return r, err
		}
	}},
	{"tells of the suppressed", "forget-suppresses", func(m *mutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			changes, err := m.Store.Apply(ctx, deltas)
			for i, c := range changes {
				if c.Suppressed {
					changes[i].Profile = deltas[i].Profile()
				}
			}
			return changes, err
		}
	}},
	{"does not readmit", "readmit", func(m *mutant) {
		m.readmit = func(ctx context.Context, key store.Key) error { return ctx.Err() }
	}},
	{"erases who is readmitted", "readmit", func(m *mutant) {
		m.readmit = func(ctx context.Context, key store.Key) error {
			return errors.Join(m.Store.Forget(ctx, key, false), m.Store.Readmit(ctx, key))
		}
	}},
	{"lists in no order", "list-order", func(m *mutant) {
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			people = matching(people, f)
			slices.Reverse(people)
			return people
		})
	}},
	{"lists in the order of joined keys", "list-order", func(m *mutant) {
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			people = matching(people, f)
			slices.SortFunc(people, func(a, b store.Profile) int { return strings.Compare(a.Key.String(), b.Key.String()) })
			return people
		})
	}},
	{"lists without custom fields", "list-profiles", func(m *mutant) {
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			people = matching(people, f)
			for i := range people {
				people[i].Nicks = nil
			}
			return people
		})
	}},
	{"ignores Channel", "list-filters", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.Channel = ""; return f })
	}},
	{"ignores Status", "list-filters", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.Status = ""; return f })
	}},
	{"ignores SeenSince", "list-filters", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.SeenSince = time.Time{}; return f })
	}},
	{"ignores SeenBefore", "list-filters", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.SeenBefore = time.Time{}; return f })
	}},
	{"takes never seen for seen just now", "list-filters", func(m *mutant) {
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			return slices.DeleteFunc(matching(people, f), func(person store.Profile) bool { return !f.SeenBefore.IsZero() && person.LastSeen.IsZero() })
		})
	}},
	{"ignores CreatedSince", "list-filters", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.CreatedSince = time.Time{}; return f })
	}},
	{"filters by the second", "list-filters", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.SeenSince = f.SeenSince.Truncate(time.Second); return f })
	}},
	{"leaves the moment itself out", "list-filters", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter {
			if !f.CreatedSince.IsZero() {
				f.CreatedSince = f.CreatedSince.Add(1)
			}
			return f
		})
	}},
	{"ignores Search", "list-search", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.Search = ""; return f })
	}},
	{"searches with wildcards", "list-search", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.Search = strings.Trim(f.Search, "%"); return f })
	}},
	{"searches by case", "list-search", func(m *mutant) {
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			search := f.Search
			f.Search = ""
			return slices.DeleteFunc(matching(people, f), func(person store.Profile) bool {
				return !strings.Contains(person.Name, search)
			})
		})
	}},
	{"repeats the cursor", "list-cursor", func(m *mutant) {
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			after := f.After
			f.After, f.Limit = store.Key{}, 0
			return slices.DeleteFunc(matching(people, f), func(person store.Profile) bool { return person.Key.Compare(after) < 0 })
		})
	}},
	{"skips one behind the cursor", "list-cursor", func(m *mutant) {
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			people = matching(people, f)
			if !f.After.IsZero() && len(people) > 0 {
				people = people[1:]
			}
			return people
		})
	}},
	{"ignores Limit", "list-cursor", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.Limit = 0; return f })
	}},
	{"yields nobody for a negative Limit", "list-cursor", func(m *mutant) {
		m.list = func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
			if f.Limit < 0 {
				return func(func(store.Profile, error) bool) {}
			}
			return m.Store.List(ctx, f)
		}
	}},
	{"takes a negative Limit for a positive one", "list-cursor", func(m *mutant) {
		m.filters(func(f store.Filter) store.Filter { f.Limit = max(f.Limit, -f.Limit); return f })
	}},
	{"limits before it filters", "list-cursor", func(m *mutant) {
		m.people(func(f store.Filter, people []store.Profile) []store.Profile {
			people = matching(people, store.Filter{After: f.After, Limit: f.Limit})
			return matching(people, f)
		})
	}},
	{"yields on after a break", "list-break", func(m *mutant) {
		var busy sync.Mutex
		m.list = func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
			return func(yield func(store.Profile, error) bool) {
				if !busy.TryLock() {
					yield(store.Profile{}, store.ErrUnavailable)
					return
				}
				for person, err := range m.Store.List(ctx, f) {
					if !yield(person, err) {
						return
					}
				}
				busy.Unlock()
			}
		}
	}},
	{"has nobody of a status that there is not", "list-misspelt", func(m *mutant) {
		m.list = func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
			if f.Validate() != nil {
				return func(func(store.Profile, error) bool) {}
			}
			return m.Store.List(ctx, f)
		}
	}},
	{"ends in silence when cancelled", "list-cancelled", func(m *mutant) {
		m.list = func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
			return func(yield func(store.Profile, error) bool) {
				for person, err := range m.Store.List(ctx, f) {
					if errors.Is(err, context.Canceled) || !yield(person, err) {
						return
					}
				}
			}
		}
	}},
	{"locks while it lists", "list-beside-writes", func(m *mutant) {
		var mu sync.RWMutex
		m.list = func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
			return func(yield func(store.Profile, error) bool) {
				mu.RLock()
				defer mu.RUnlock()
				m.Store.List(ctx, f)(yield)
			}
		}
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			mu.Lock()
			defer mu.Unlock()
			return m.Store.Apply(ctx, deltas)
		}
	}},
	{"pages by position", "list-beside-writes", func(m *mutant) {
		m.list = func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
			return func(yield func(store.Profile, error) bool) {
				for position := 0; f.Limit <= 0 || position < f.Limit; position++ {
					page := f
					page.Limit = position + 1
					n := 0
					for person, err := range m.Store.List(ctx, page) {
						if n++; n == position+1 && !yield(person, err) || err != nil {
							return
						}
					}
					if n <= position {
						return
					}
				}
			}
		}
	}},
	{"works on after Close", "closed", func(m *mutant) { m.close = func() error { return nil } }},
	{"cannot close twice", "closed", func(m *mutant) {
		closed := false
		m.close = func() error {
			if closed {
				return store.ErrClosed
			}
			closed = true
			return m.Store.Close()
		}
	}},
}
