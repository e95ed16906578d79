package storetest

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// An outboxMutant is an Outbox that is right but for one thing.
type outboxMutant struct {
	mutant
	enroll    func(ctx context.Context, backend string) error
	withdraw  func(ctx context.Context, backend string) error
	resync    func(ctx context.Context, backend string) error
	replay    func(ctx context.Context, backend string, key store.Key) (int, error)
	claim     func(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error)
	settle    func(ctx context.Context, backend string, settlements []store.Settlement) error
	standings func(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error]
	backlogs  func(ctx context.Context) ([]store.Backlog, error)
}

func (m *outboxMutant) Enroll(ctx context.Context, backend string) error {
	if m.enroll != nil {
		return m.enroll(ctx, backend)
	}
	return m.Store.Enroll(ctx, backend)
}

func (m *outboxMutant) Withdraw(ctx context.Context, backend string) error {
	if m.withdraw != nil {
		return m.withdraw(ctx, backend)
	}
	return m.Store.Withdraw(ctx, backend)
}

func (m *outboxMutant) Resync(ctx context.Context, backend string) error {
	if m.resync != nil {
		return m.resync(ctx, backend)
	}
	return m.Store.Resync(ctx, backend)
}

func (m *outboxMutant) Replay(ctx context.Context, backend string, key store.Key) (int, error) {
	if m.replay != nil {
		return m.replay(ctx, backend, key)
	}
	return m.Store.Replay(ctx, backend, key)
}

func (m *outboxMutant) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	if m.claim != nil {
		return m.claim(ctx, backend, limit, lease)
	}
	return m.Store.Claim(ctx, backend, limit, lease)
}

func (m *outboxMutant) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	if m.settle != nil {
		return m.settle(ctx, backend, settlements)
	}
	return m.Store.Settle(ctx, backend, settlements)
}

func (m *outboxMutant) Standings(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
	if m.standings != nil {
		return m.standings(ctx, f)
	}
	return m.Store.Standings(ctx, f)
}

func (m *outboxMutant) Backlogs(ctx context.Context) ([]store.Backlog, error) {
	if m.backlogs != nil {
		return m.backlogs(ctx)
	}
	return m.Store.Backlogs(ctx)
}

// claims makes the mutant change each claim that it hands out.
func (m *outboxMutant) claims(change func(c *store.Claim)) {
	m.claim = func(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
		claims, wait, err := m.Store.Claim(ctx, backend, limit, lease)
		for i := range claims {
			change(&claims[i])
		}
		return claims, wait, err
	}
}

// settles makes the mutant change each settlement before it counts.
func (m *outboxMutant) settles(change func(x *store.Settlement, now store.Standing)) {
	m.settle = func(ctx context.Context, backend string, settlements []store.Settlement) error {
		settlements = slices.Clone(settlements)
		for i, x := range settlements {
			change(&settlements[i], m.standing(backend, x.Key))
		}
		return m.Store.Settle(ctx, backend, settlements)
	}
}

func (m *outboxMutant) standing(backend string, key store.Key) (found store.Standing) {
	for s := range m.Store.Standings(context.Background(), store.StandingFilter{Backend: backend, Key: key}) {
		found = s
	}
	return found
}

// picks makes the mutant hand out the last of what is due.
func (m *outboxMutant) picks(less func(a, b store.Standing) int) {
	m.claim = func(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
		claims, wait, err := m.Store.Claim(ctx, backend, 1000, lease)
		slices.SortStableFunc(claims, func(a, b store.Claim) int { return less(a.Standing, b.Standing) })
		for _, c := range claims[min(limit, len(claims)):] {
			_ = m.Store.Settle(ctx, backend, []store.Settlement{settlement(c, store.VerdictRelease)})
		}
		return claims[:min(limit, len(claims))], wait, err
	}
}

// lists makes the mutant change all standings that it lists.
func (m *outboxMutant) lists(change func(f store.StandingFilter, standings []store.Standing) []store.Standing) {
	m.standings = func(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
		return func(yield func(store.Standing, error) bool) {
			var standings []store.Standing
			for s, err := range m.Store.Standings(ctx, f) {
				if err != nil {
					yield(s, err)
					return
				}
				standings = append(standings, s)
			}
			for _, s := range change(f, standings) {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// counts makes the mutant change each backlog.
func (m *outboxMutant) counts(change func(b *store.Backlog)) {
	m.backlogs = func(ctx context.Context) ([]store.Backlog, error) {
		backlogs, err := m.Store.Backlogs(ctx)
		for i := range backlogs {
			change(&backlogs[i])
		}
		return backlogs, err
	}
}
