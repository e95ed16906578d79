package backendtest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// Mutants of people whom the service will not take as they are, and of those whom the backend is not for.
var refusingMutants = []mutation{
	{"folds the case of ids", "keys-apart", func(m *mutant) {
		m.first(func(d *store.Delivery) { d.Profile.Key.UserID = strings.ToLower(d.Profile.Key.UserID) })
	}},
	{"forgets the channel", "keys-apart", func(m *mutant) {
		m.first(func(d *store.Delivery) { d.Profile.Key.Channel = "telegram" })
	}},
	{"trims ids", "keys-apart", func(m *mutant) {
		m.first(func(d *store.Delivery) { d.Profile.Key.UserID = strings.TrimSpace(d.Profile.Key.UserID) })
	}},
	{"gives up on odd ids with the wrong error", "keys-apart", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if strings.Contains(d.Profile.Key.UserID, "/") {
				return store.Receipt{}, store.ErrUnavailable
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"cuts texts", "texts-exact", func(m *mutant) {
		m.values(func(text string) string { return string([]rune(text)[:min(60, len([]rune(text)))]) })
	}},
	{"keeps ASCII alone", "texts-exact", func(m *mutant) {
		m.values(func(text string) string {
			return strings.Map(func(r rune) rune { return min(r, 'z') }, text)
		})
	}},
	{"escapes texts", "texts-exact", func(m *mutant) {
		m.values(func(text string) string { return strings.ReplaceAll(text, "<", "&lt;") })
	}},
	{"refuses nearly everybody", "texts-exact", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			for _, f := range d.Fields {
				if strings.ContainsFunc(d.Profile.Value(f), func(r rune) bool { return r > '~' }) {
					return store.Receipt{}, store.ErrInvalid
				}
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"delivers half before it refuses", "texts-exact", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if strings.Contains(d.Profile.Bio, "<") {
				d.Profile.Bio = strings.ReplaceAll(d.Profile.Bio, "<", "")
				_, err := m.backend.Deliver(ctx, d)
				return store.Receipt{}, errors.Join(err, store.ErrInvalid)
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"is for whom it is asked about first", "serves", func(m *mutant) {
		asked := make(map[store.Key]bool)
		m.traits = func() store.Traits {
			return store.Traits{Serves: func(key store.Key) bool {
				m.mu.Lock()
				defer m.mu.Unlock()
				was := asked[key]
				asked[key] = key.Channel == "discord"
				return !was
			}}
		}
	}},
	{"is for others once somebody was delivered", "serves", func(m *mutant) {
		delivered := false
		m.first(func(*store.Delivery) {
			m.mu.Lock()
			defer m.mu.Unlock()
			delivered = true
		})
		m.traits = func() store.Traits {
			return store.Traits{Serves: func(key store.Key) bool {
				m.mu.Lock()
				defer m.mu.Unlock()
				return key.Channel == "telegram" || delivered
			}}
		}
	}},
	{"has another for whom it is each time it is made", "serves", func(m *mutant) {
		made := m.service.made()
		m.traits = func() store.Traits {
			return store.Traits{Serves: func(key store.Key) bool { return key.Channel == "telegram" || made > 1 }}
		}
	}},
	{"does not say what was refused", "refused-fields", func(m *mutant) {
		m.receipts(func(r *store.Receipt, err error) { r.Refused = nil })
	}},
	{"says too much of what was refused", "refused-fields", func(m *mutant) {
		m.receipts(func(r *store.Receipt, err error) {
			if r.Refused != nil {
				r.Refused = append(r.Refused, store.FieldBio)
			}
		})
	}},
	{"names another field than the one refused", "refused-fields", func(m *mutant) {
		m.receipts(func(r *store.Receipt, err error) {
			if slices.Contains(r.Refused, undefined) {
				r.Refused = []store.Field{store.FieldMiddleName}
			}
		})
	}},
	{"does not name the custom field that has no place", "refused-fields", func(m *mutant) {
		m.receipts(func(r *store.Receipt, err error) {
			if slices.Contains(r.Refused, undefined) {
				r.Refused = []store.Field{store.FieldStatus}
				m.service.clear(store.FieldStatus)
			}
		})
	}},
	{"leaves another field out beside the refused one", "refused-fields", func(m *mutant) {
		m.receipts(func(r *store.Receipt, err error) {
			if r.Refused != nil {
				m.service.clear(store.FieldNickname)
			}
		})
	}},
	{"delivers nobody and says that a part arrived", "refused-fields", func(m *mutant) {
		m.deliver = func(_ context.Context, d store.Delivery) (store.Receipt, error) {
			return store.Receipt{Refused: []store.Field{undefined}}, store.ErrInvalid
		}
	}},
	{"forgets with the next change what was refused", "refused-fields", func(m *mutant) {
		m.receipts(func(r *store.Receipt, err error) {
			if r.Refused != nil && m.calls > 1 {
				m.service.clear(store.FieldNickname)
			}
		})
	}},
	{"names a refused field that it does not take", "refused-fields", func(m *mutant) {
		m.traits = func() store.Traits {
			return store.Traits{Takes: func(f store.Field) bool { return f != store.FieldBio }}
		}
		m.receipts(func(r *store.Receipt, err error) {
			if r.Refused != nil {
				r.Refused = append(r.Refused, store.FieldBio)
			}
		})
	}},
	{"takes over whoever has the username", "occupied", func(m *mutant) {
		m.errs(func(err error, d store.Delivery) error {
			if errors.Is(err, store.ErrInvalid) {
				m.service.takeOver(d)
			}
			return err
		})
	}},
	{"takes a conflict for an outage", "occupied", func(m *mutant) { m.takes(store.ErrInvalid, store.ErrUnavailable) }},
	{"takes an unknown custom field for an outage", "undefined-custom", func(m *mutant) { m.takes(store.ErrInvalid, store.ErrUnavailable) }},
	{"loses the others with an unknown custom field", "undefined-custom", func(m *mutant) {
		m.first(func(d *store.Delivery) {
			if slices.Contains(d.Fields, undefined) {
				d.Fields = []store.Field{store.FieldName}
			}
		})
	}},
}
