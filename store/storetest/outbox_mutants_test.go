package storetest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

var outboxMutants = []struct {
	name   string
	caught string // the property that must fail
	breaks func(m *outboxMutant)
}{
	{"owes what it did not keep", "owed-with-the-change", func(m *outboxMutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			changes, err := m.Store.Apply(ctx, deltas)
			if err != nil {
				for _, d := range deltas {
					_, _ = m.Store.Apply(context.WithoutCancel(ctx), []store.Record{d})
				}
			}
			return changes, err
		}
	}},
	{"owes to the first backend only", "owed-with-the-change", func(m *outboxMutant) {
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			return slices.DeleteFunc(all, func(s store.Standing) bool { return s.Backend == desk })
		})
	}},
	{"owes nothing of what came in a race", "merges-in-a-race", func(m *outboxMutant) {
		var racing, raced atomic.Int64
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			if racing.Add(1) > 1 {
				raced.Add(1)
			}
			defer racing.Add(-1)
			time.Sleep(time.Millisecond)
			return m.Store.Apply(ctx, deltas)
		}
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			if raced.Load() > 0 {
				return nil
			}
			return all
		})
	}},
	{"owes who was only seen", "owes-what-changed", func(m *outboxMutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			changes, err := m.Store.Apply(ctx, deltas)
			if len(changes) == 1 && !changes[0].Same && !changes[0].Owes() {
				_ = m.Store.Resync(ctx, crm)
			}
			return changes, err
		}
	}},
	{"keeps the last changed field only", "owes-what-changed", func(m *outboxMutant) {
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			for i := range all {
				if f := all[i].Fields; !all[i].All && len(f) > 1 {
					all[i].Fields = f[len(f)-1:]
				}
			}
			return all
		})
	}},
	{"forgets the person in the claim", "claims-tell-of-the-person", func(m *outboxMutant) {
		m.claims(func(c *store.Claim) { c.Record = store.Record{Key: c.Record.Key} })
	}},
	{"does not tell the wait", "claims-tell-the-wait", func(m *outboxMutant) {
		m.claims(func(c *store.Claim) { c.Waited = 0 })
	}},
	{"tells since when the last claim was", "claims-tell-the-wait", func(m *outboxMutant) {
		m.claims(func(c *store.Claim) { c.Waited -= time.Hour })
	}},
	{"does not keep the token", "claims-tell-of-the-person", func(m *outboxMutant) {
		m.claims(func(c *store.Claim) { c.Standing.Token++ })
	}},
	{"takes the bulk first", "live-before-bulk", func(m *outboxMutant) {
		m.picks(func(a, b store.Standing) int {
			if a.Bulk == b.Bulk {
				return 0
			}
			return map[bool]int{true: -1, false: 1}[a.Bulk]
		})
	}},
	{"knows no lanes", "live-before-bulk", func(m *outboxMutant) {
		m.picks(func(a, b store.Standing) int { return a.Key.Compare(b.Key) })
	}},
	{"takes the newest first", "longest-due-first", func(m *outboxMutant) {
		m.picks(func(a, b store.Standing) int { return int(b.Version-a.Version) - a.Key.Compare(b.Key) })
	}},
	{"takes by key", "longest-due-first", func(m *outboxMutant) {
		m.picks(func(a, b store.Standing) int { return a.Key.Compare(b.Key) })
	}},
	{"hands out what is claimed", "leased", func(m *outboxMutant) {
		m.claim = func(ctx context.Context, backend string, limit int, _ time.Duration) ([]store.Claim, time.Duration, error) {
			return m.Store.Claim(ctx, backend, limit, 0)
		}
	}},
	{"holds what is claimed for ever", "leased", func(m *outboxMutant) {
		m.claim = func(ctx context.Context, backend string, limit int, _ time.Duration) ([]store.Claim, time.Duration, error) {
			return m.Store.Claim(ctx, backend, limit, time.Hour)
		}
	}},
	{"does not say how long to wait", "leased", func(m *outboxMutant) {
		m.claim = func(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
			claims, _, err := m.Store.Claim(ctx, backend, limit, lease)
			return claims, 0, err
		}
	}},
	{"a change ends the claim", "leased", func(m *outboxMutant) {
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			for _, d := range deltas {
				s := m.standing(crm, d.Key)
				_ = m.Store.Settle(ctx, crm, []store.Settlement{{Key: s.Key, Token: s.Token, Verdict: store.VerdictRelease}})
			}
			return m.Store.Apply(ctx, deltas)
		}
	}},
	{"hands the same to two", "leased-once-in-a-race", func(m *outboxMutant) {
		var first atomic.Pointer[[]store.Claim]
		m.claim = func(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
			if claims := first.Swap(nil); claims != nil {
				return *claims, 0, nil
			}
			claims, wait, err := m.Store.Claim(ctx, backend, limit, lease)
			if len(claims) > 0 {
				first.Store(&claims)
			}
			return claims, wait, err
		}
	}},
	{"settles whatever claim", "stale-claims", func(m *outboxMutant) {
		m.settles(func(x *store.Settlement, now store.Standing) { x.Token = now.Token })
	}},
	{"takes every version for the delivered one", "change-during-delivery", func(m *outboxMutant) {
		m.settles(func(x *store.Settlement, now store.Standing) { x.Version = now.Version })
	}},
	{"keeps the person of the first claim", "change-during-delivery", func(m *outboxMutant) {
		kept := make(map[store.Key]store.Record)
		m.claims(func(c *store.Claim) {
			if r, ok := kept[c.Standing.Key]; ok {
				c.Record = r
			}
			kept[c.Standing.Key] = c.Record
		})
	}},
	{"tries again at once", "retries-wait", func(m *outboxMutant) {
		m.settles(func(x *store.Settlement, _ store.Standing) { x.After = 0 })
	}},
	{"counts a release as an attempt", "retries-wait", func(m *outboxMutant) {
		m.settles(func(x *store.Settlement, _ store.Standing) {
			if x.Verdict == store.VerdictRelease {
				x.Verdict = store.VerdictRetry
			}
		})
	}},
	{"tries dead letters again", "dead-letters", func(m *outboxMutant) {
		m.settles(func(x *store.Settlement, _ store.Standing) {
			if x.Verdict == store.VerdictDead {
				x.Verdict = store.VerdictRetry
			}
		})
	}},
	{"forgets why", "dead-letters", func(m *outboxMutant) {
		m.settles(func(x *store.Settlement, _ store.Standing) { x.Reason = "" })
	}},
	{"replays everybody", "dead-letters", func(m *outboxMutant) {
		m.replay = func(ctx context.Context, backend string, _ store.Key) (int, error) {
			return m.Store.Replay(ctx, backend, store.Key{})
		}
	}},
	{"replays dead letters alone", "replay-hurries", func(m *outboxMutant) {
		m.replay = func(ctx context.Context, backend string, key store.Key) (n int, err error) {
			for s := range m.Store.Standings(ctx, store.StandingFilter{Backend: backend, Key: key, State: store.StateDead}) {
				if _, err = m.Store.Replay(ctx, backend, s.Key); err == nil {
					n++
				}
			}
			return n, err
		}
	}},
	{"hurries one and not all", "replay-hurries", func(m *outboxMutant) {
		replay := m.Store.Replay
		m.replay = func(ctx context.Context, backend string, key store.Key) (n int, err error) {
			if !key.IsZero() {
				return replay(ctx, backend, key)
			}
			for s := range m.Store.Standings(ctx, store.StandingFilter{Backend: backend, State: store.StateDead}) {
				if _, err = replay(ctx, backend, s.Key); err == nil {
					n++
				}
			}
			return n, err
		}
	}},
	{"counts what it hurries", "replay-hurries", func(m *outboxMutant) {
		m.replay = func(ctx context.Context, backend string, key store.Key) (int, error) {
			waiting := 0
			for s := range m.Store.Standings(ctx, store.StandingFilter{Backend: backend, Key: key, State: store.StateOwed}) {
				if s.Token == 0 && !s.DueAt(time.Now()) {
					waiting++
				}
			}
			n, err := m.Store.Replay(ctx, backend, key)
			return n + waiting, err
		}
	}},
	{"replays what is under way", "replay-hurries", func(m *outboxMutant) {
		m.replay = func(ctx context.Context, backend string, key store.Key) (int, error) {
			for s := range m.Store.Standings(ctx, store.StandingFilter{Backend: backend, Key: key, State: store.StateOwed}) {
				_ = m.Store.Settle(ctx, backend, []store.Settlement{{Key: s.Key, Token: s.Token, Verdict: store.VerdictRelease}})
			}
			return m.Store.Replay(ctx, backend, key)
		}
	}},
	{"takes the unserved for delivered", "unserved", func(m *outboxMutant) {
		m.settles(func(x *store.Settlement, _ store.Standing) {
			if x.Verdict == store.VerdictUnserved {
				x.Verdict = store.VerdictDelivered
			}
		})
	}},
	{"does not know the unserved", "unserved", func(m *outboxMutant) {
		m.lists(func(f store.StandingFilter, all []store.Standing) []store.Standing {
			return slices.DeleteFunc(all, func(store.Standing) bool { return f.State == store.StateUnserved })
		})
	}},
	{"forgets since when", "since-when", func(m *outboxMutant) {
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			for i := range all {
				if all[i].State == store.StateErased {
					all[i].Due = time.Time{}
				}
			}
			return all
		})
	}},
	{"keeps the end of the claim", "since-when", func(m *outboxMutant) {
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			for i := range all {
				if all[i].State == store.StateDelivered {
					all[i].Due = all[i].Due.Add(2 * long)
				}
			}
			return all
		})
	}},
	{"enrolls without a backfill", "enroll-backfills", func(m *outboxMutant) {
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			return slices.DeleteFunc(all, func(s store.Standing) bool { return s.Bulk })
		})
	}},
	{"enrolls again as if it were new", "enroll-backfills", func(m *outboxMutant) {
		m.enroll = func(ctx context.Context, backend string) error {
			if m.Store.Resync(ctx, backend) == nil {
				return nil
			}
			return m.Store.Enroll(ctx, backend)
		}
	}},
	{"resyncs nobody", "resync", func(m *outboxMutant) {
		m.resync = func(context.Context, string) error { return nil }
	}},
	{"resyncs every backend", "resync", func(m *outboxMutant) {
		m.resync = func(ctx context.Context, backend string) error {
			_ = m.Store.Resync(ctx, desk)
			return m.Store.Resync(ctx, backend)
		}
	}},
	{"withdraws nothing", "withdraw", func(m *outboxMutant) {
		m.withdraw = func(context.Context, string) error { return nil }
	}},
	{"withdraws all", "withdraw", func(m *outboxMutant) {
		m.withdraw = func(ctx context.Context, backend string) error {
			_ = m.Store.Withdraw(ctx, desk)
			return m.Store.Withdraw(ctx, backend)
		}
	}},
	{"wants a backend to withdraw", "withdraw", func(m *outboxMutant) {
		m.withdraw = func(ctx context.Context, backend string) error {
			if _, _, err := m.Store.Claim(ctx, backend, 0, 0); err != nil {
				return err
			}
			return m.Store.Withdraw(ctx, backend)
		}
	}},
	{"owes nothing to whomever", "unknown-backend", func(m *outboxMutant) {
		m.claim = func(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
			claims, wait, _ := m.Store.Claim(ctx, backend, limit, lease)
			return claims, wait, nil
		}
	}},
	{"settles with whomever", "unknown-backend", func(m *outboxMutant) {
		m.settle = func(ctx context.Context, backend string, settlements []store.Settlement) error {
			_ = m.Store.Settle(ctx, backend, settlements)
			return nil
		}
	}},
	{"lists nothing of whomever", "unknown-backend", func(m *outboxMutant) {
		m.standings = func(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
			if _, err := m.Store.Replay(ctx, f.Backend, numbered("telegram", 999)); f.Backend != "" && err != nil {
				return func(func(store.Standing, error) bool) {}
			}
			return m.Store.Standings(ctx, f)
		}
	}},
	{"lists by whatever state", "unknown-backend", func(m *outboxMutant) {
		m.standings = func(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
			if !f.State.Known() {
				f.State = ""
			}
			return m.Store.Standings(ctx, f)
		}
	}},
	{"counts the bulk alone as total", "resync", func(m *outboxMutant) {
		m.counts(func(b *store.Backlog) { b.Total = min(b.Total, b.Bulk) })
	}},
	{"owes an erasure to everybody", "forget-unclaimed", func(m *outboxMutant) {
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			_, _, _ = m.Store.Claim(ctx, crm, 100, long)
			return m.Store.Forget(ctx, key, suppress)
		}
	}},
	{"forgets the erasure too", "forget-owes-erasure", func(m *outboxMutant) {
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			_ = m.Store.Withdraw(ctx, crm)
			defer func() { _ = m.Store.Enroll(ctx, crm) }()
			return m.Store.Forget(ctx, key, suppress)
		}
	}},
	{"remembers what was owed", "forget-owes-erasure", func(m *outboxMutant) {
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			for i := range all {
				if all[i].Erase {
					all[i].Fields = []store.Field{store.NickField("7")}
				}
			}
			return all
		})
	}},
	{"erases beside a delivery", "forget-during-delivery", func(m *outboxMutant) {
		m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
			s := m.standing(crm, key)
			_ = m.Store.Settle(ctx, crm, []store.Settlement{{Key: key, Token: s.Token, Verdict: store.VerdictRelease}})
			return m.Store.Forget(ctx, key, suppress)
		}
	}},
	{"delivers before it erases", "erase-before-comeback", func(m *outboxMutant) {
		m.claims(func(c *store.Claim) { c.Standing.Erase = c.Standing.Erase && !c.Standing.All })
	}},
	{"erased is the end", "erase-before-comeback", func(m *outboxMutant) {
		m.settle = func(ctx context.Context, backend string, settlements []store.Settlement) error {
			err := m.Store.Settle(ctx, backend, settlements)
			if settlements[0].Verdict == store.VerdictErased {
				_, _, _ = m.Store.Claim(ctx, backend, 10, time.Hour)
			}
			return err
		}
	}},
	{"lists all standings", "standings-listed", func(m *outboxMutant) {
		m.standings = func(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
			f.State = ""
			return m.Store.Standings(ctx, f)
		}
	}},
	{"lists by key first", "standings-listed", func(m *outboxMutant) {
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			slices.SortStableFunc(all, func(a, b store.Standing) int { return a.Key.Compare(b.Key) })
			return all
		})
	}},
	{"lists one page of standings", "standings-listed", func(m *outboxMutant) {
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing { return all[:min(100, len(all))] })
	}},
	{"counts the bulk of all times", "backlogs", func(m *outboxMutant) {
		m.counts(func(b *store.Backlog) { b.Bulk = b.Total })
	}},
	{"counts the dead as owed", "backlogs", func(m *outboxMutant) {
		m.counts(func(b *store.Backlog) { b.Owed += b.Dead })
	}},
	{"never completes", "backlogs", func(m *outboxMutant) {
		m.counts(func(b *store.Backlog) { b.Complete = false })
	}},
	{"sorts backlogs backwards", "backlogs", func(m *outboxMutant) {
		m.backlogs = func(ctx context.Context) ([]store.Backlog, error) {
			backlogs, err := m.Store.Backlogs(ctx)
			slices.SortFunc(backlogs, func(a, b store.Backlog) int { return strings.Compare(b.Backend, a.Backend) })
			return backlogs, err
		}
	}},
	{"shares the fields of standings", "outbox-no-sharing", func(m *outboxMutant) {
		kept := make(map[int64][]store.Field)
		share := func(s *store.Standing) {
			if f, ok := kept[s.Version]; ok {
				s.Fields = f
			}
			kept[s.Version] = s.Fields
		}
		m.lists(func(_ store.StandingFilter, all []store.Standing) []store.Standing {
			for i := range all {
				share(&all[i])
			}
			return all
		})
	}},
	{"claims although the caller gave up", "outbox-cancelled", func(m *outboxMutant) {
		m.claim = func(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
			claims, wait, err := m.Store.Claim(context.WithoutCancel(ctx), backend, limit, lease)
			if ctx.Err() != nil {
				return nil, 0, ctx.Err()
			}
			return claims, wait, err
		}
	}},
	{"settles although the caller gave up", "outbox-cancelled", func(m *outboxMutant) {
		m.settle = func(ctx context.Context, backend string, settlements []store.Settlement) error {
			return m.Store.Settle(context.WithoutCancel(ctx), backend, settlements)
		}
	}},
	{"has nothing to settle after Close", "outbox-closed", func(m *outboxMutant) {
		m.settle = func(ctx context.Context, backend string, settlements []store.Settlement) error {
			_ = m.Store.Settle(ctx, backend, settlements)
			return ctx.Err()
		}
	}},
}

func TestOutboxMutantsAreCaught(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, mu := range outboxMutants {
		t.Run(mu.name, func(t *testing.T) {
			t.Parallel()
			open := func() store.Store {
				m := &outboxMutant{mutant: mutant{Store: memstore.New()}}
				mu.breaks(m)
				return m
			}
			failed := failing(t, mu.caught, open, nil)
			if failed == "" {
				t.Fatalf("%q holds", mu.caught)
			}
			t.Log(failed)
		})
	}
}

func TestLossOfWhatIsOwedIsCaught(t *testing.T) {
	open := func() store.Store { return memstore.New() }
	same := func(st store.Store) store.Store { return st }
	for name, reopen := range map[string]func(store.Store) store.Store{
		"all of it": func(store.Store) store.Store { return memstore.New() },
		"a backend": func(st store.Store) store.Store {
			_ = st.(store.Outbox).Withdraw(t.Context(), desk)
			return st
		},
		"a retry": func(st store.Store) store.Store {
			_ = st.(store.Outbox).Resync(t.Context(), crm)
			return st
		},
		"a claim": func(st store.Store) store.Store {
			return &outboxMutant{mutant: mutant{Store: st.(*memstore.Store)}, settle: func(context.Context, string, []store.Settlement) error { return nil }}
		},
	} {
		if failing(t, "outbox-durable", open, reopen) == "" {
			t.Errorf("the loss of %s is not caught", name)
		}
	}
	holds(t, "outbox-durable", open, same)
}

// plain has the methods of a Store and no more.
type plain struct{ store.Store }

func TestPlainStoresAreNotAskedForAnOutbox(t *testing.T) {
	names := Properties()
	first, last := slices.Index(names, "owed-with-the-change"), slices.Index(names, "outbox-durable")
	st := func() store.Store { return plain{memstore.New()} }
	for _, prop := range properties[first : last+1] {
		r := prop.check(&probe{ctx: t.Context(), open: st, reopen: func(store.Store) store.Store { return st() }})
		if r.problem != "" || r.skipped != "the store is not a store.Outbox" {
			t.Errorf("%s of a plain store: %+v; want it to be skipped", prop.name, r)
		}
	}
}
