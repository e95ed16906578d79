package backendtest

import (
	"context"
	"errors"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// Mutants of erasing.
var erasingMutants = []mutation{
	{"erases nobody", "erases", func(m *mutant) {
		m.erase = func(context.Context, store.Key, string) error { return nil }
	}},
	{"erases everybody", "erases", func(m *mutant) {
		m.erase = func(context.Context, store.Key, string) error {
			m.service.eraseAll()
			return nil
		}
	}},
	{"cannot erase twice", "erases", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, _ string) error {
			if id, err := m.find(ctx, key); id == "" {
				return errors.Join(err, store.ErrNotFound)
			}
			return m.backend.Erase(ctx, key, "")
		}
	}},
	{"erases only with a receipt", "erases-unnoted", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, remote string) error {
			if remote == "" {
				return nil
			}
			return m.backend.Erase(ctx, key, remote)
		}
	}},
	{"says that it erased when it could not", "erases-truly", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, remote string) error {
			_ = m.backend.Erase(ctx, key, remote)
			return nil
		}
	}},
	{"gives erasing up at the first refusal", "erases-truly", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, remote string) error {
			if m.backend.Erase(ctx, key, remote) != nil {
				return store.ErrCannotErase
			}
			return nil
		}
	}},
	{"believes that who was there is still there", "vanished", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if d.Remote != "" {
				_, err := m.write(ctx, d.Remote, d)
				if err != nil && strings.Contains(err.Error(), "404") {
					err = nil
				}
				return store.Receipt{}, err
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"updates somebody else in the place of who is gone", "vanished", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if id, err := m.find(ctx, d.Profile.Key); id == "" && d.Remote != "" && err == nil {
				m.service.takeOver(d)
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
}
