package backendtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Mutants of deliveries that nothing stands in the way of.
var deliveringMutants = []mutation{
	{"has a name with a capital", "usable", func(m *mutant) { m.name = func() string { return "CRM" } }},
	{"has another name each time it is made", "usable", func(m *mutant) { m.name = func() string { return fmt.Sprintf("crm-%p", m) } }},
	{"has negative traits", "usable", func(m *mutant) { m.traits = func() store.Traits { return store.Traits{InFlight: -1} } }},
	{"takes nothing", "usable", func(m *mutant) {
		m.traits = func() store.Traits { return store.Traits{Takes: func(store.Field) bool { return false }} }
	}},
	{"changes its mind about its traits", "usable", func(m *mutant) {
		asked := 0
		m.traits = func() store.Traits { asked++; return store.Traits{InFlight: asked} }
	}},
	{"leaves a field out", "creates", func(m *mutant) {
		m.first(func(d *store.Delivery) {
			d.Fields = slices.DeleteFunc(d.Fields, func(f store.Field) bool { return f == store.FieldPicture })
		})
	}},
	{"delivers only to those who are there", "creates", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if id, err := m.find(ctx, d.Profile.Key); id == "" {
				return store.Receipt{}, err
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"has a receipt that is too long", "creates", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			_, err := m.backend.Deliver(ctx, d)
			return store.Receipt{Remote: strings.Repeat("r", 513)}, err
		}
	}},
	{"takes it that who was delivered is there", "nameless", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if id, err := m.find(ctx, d.Profile.Key); id == "" && (!d.All || len(d.Fields) < 2) {
				return store.Receipt{}, err
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"has no idea what to do without a name", "nameless", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if d.Profile.Name == "" {
				return store.Receipt{}, store.ErrUnavailable
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"creates each time", "same-twice", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			id, err := m.write(ctx, "", d)
			return store.Receipt{Remote: id}, err
		}
	}},
	{"creates where the receipt was lost", "same-twice", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if d.Remote == "" {
				m.service.forgetReference(d.Profile.Key)
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"sends the whole person each time", "partial", func(m *mutant) {
		m.first(func(d *store.Delivery) { d.Fields = d.Profile.Stated() })
	}},
	{"omits what is empty", "clears", func(m *mutant) {
		m.first(func(d *store.Delivery) {
			d.Fields = slices.DeleteFunc(d.Fields, func(f store.Field) bool { return d.Profile.Value(f) == "" })
		})
	}},
	{"clears for ever", "sets-again", func(m *mutant) {
		cleared := make(map[store.Field]bool)
		m.first(func(d *store.Delivery) {
			for _, f := range d.Cleared() {
				cleared[f] = true
			}
			d.Fields = slices.DeleteFunc(d.Fields, func(f store.Field) bool { return cleared[f] && d.Profile.Value(f) != "" })
		})
	}},
	{"sends one field a delivery", "stays-true", func(m *mutant) {
		m.first(func(d *store.Delivery) {
			if !d.All {
				d.Fields = d.Fields[:1]
			}
		})
	}},
	{"is for nobody", "creates", func(m *mutant) {
		m.traits = func() store.Traits { return store.Traits{Serves: func(store.Key) bool { return false }} }
	}},
	{"names refused fields of a success", "creates", func(m *mutant) {
		m.receipts(func(r *store.Receipt, err error) { r.Refused = []store.Field{store.FieldBio} })
	}},
	{"keeps the delivery in a variable", "concurrent", func(m *mutant) {
		var last store.Delivery
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			m.mu.Lock()
			last = d
			m.mu.Unlock()
			time.Sleep(time.Millisecond)
			m.mu.Lock()
			d = last
			m.mu.Unlock()
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"begins although it was given up", "cancelled", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			_, err := m.backend.Deliver(context.WithoutCancel(ctx), d)
			return store.Receipt{}, errors.Join(err, ctx.Err())
		}
	}},
	{"takes having been given up for a success", "cancelled", func(m *mutant) {
		m.errs(func(err error, _ store.Delivery) error {
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		})
	}},
}
