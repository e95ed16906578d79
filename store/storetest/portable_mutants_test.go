package storetest

import (
	"context"
	"iter"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A portableMutant is a Portable that is right but for one thing.
type portableMutant struct {
	*memstore.Store
	dossiers func(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error]
	imports  func(ctx context.Context, dossiers []store.Dossier) error
}

func (m *portableMutant) Dossiers(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
	if m.dossiers != nil {
		return m.dossiers(ctx, after)
	}
	return m.Store.Dossiers(ctx, after)
}

func (m *portableMutant) Import(ctx context.Context, dossiers []store.Dossier) error {
	if m.imports != nil {
		return m.imports(ctx, dossiers)
	}
	return m.Store.Import(ctx, dossiers)
}

// lists makes the mutant change what Dossiers yields; keep tells whether it does.
func (m *portableMutant) lists(change func(d *store.Dossier) (keep bool)) {
	m.dossiers = func(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
		return func(yield func(store.Dossier, error) bool) {
			for d, err := range m.Store.Dossiers(ctx, after) {
				if (err != nil || change(&d)) && !yield(d, err) {
					return
				}
			}
		}
	}
}

// takes makes the mutant change what Import is given.
func (m *portableMutant) takes(change func(d *store.Dossier)) {
	m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
		dossiers = slices.Clone(dossiers)
		for i := range dossiers {
			dossiers[i].Standings = slices.Clone(dossiers[i].Standings)
			change(&dossiers[i])
		}
		return m.Store.Import(ctx, dossiers)
	}
}

var portableMutants = []struct {
	name   string
	caught string // the property that must fail
	breaks func(m *portableMutant)
}{
	{"leaves out tombstones", "dossiers-tell-all", func(m *portableMutant) {
		m.lists(func(d *store.Dossier) bool { return !d.Forgotten })
	}},
	{"leaves out who is no more but to be erased", "dossiers-tell-all", func(m *portableMutant) {
		m.lists(func(d *store.Dossier) bool { return d.Forgotten || !d.Record.Key.IsZero() })
	}},
	{"tells of one backend", "dossiers-tell-all", func(m *portableMutant) {
		m.lists(func(d *store.Dossier) bool {
			d.Standings = d.Standings[:min(1, len(d.Standings))]
			return true
		})
	}},
	{"sorts standings backwards", "dossiers-tell-all", func(m *portableMutant) {
		m.lists(func(d *store.Dossier) bool {
			slices.Reverse(d.Standings)
			return true
		})
	}},
	{"begins with the cursor", "dossiers-cursor", func(m *portableMutant) {
		m.dossiers = func(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
			if after.UserID != "" {
				after.UserID = after.UserID[:len(after.UserID)-1]
			}
			return m.Store.Dossiers(ctx, after)
		}
	}},
	{"ends in silence when cancelled", "dossiers-cursor", func(m *portableMutant) {
		m.dossiers = func(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
			return func(yield func(store.Dossier, error) bool) {
				for d, err := range m.Store.Dossiers(ctx, after) {
					if err != nil || !yield(d, err) {
						return
					}
				}
			}
		}
	}},
	{"brings claims along", "import-takes-over", func(m *portableMutant) {
		m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
			err := m.Store.Import(ctx, dossiers)
			_, _, _ = m.Claim(ctx, crm, 1, long)
			return err
		}
	}},
	{"owes everybody again", "import-takes-over", func(m *portableMutant) {
		m.takes(func(d *store.Dossier) { d.Standings = nil })
	}},
	{"keeps one at a time", "import-takes-over", func(m *portableMutant) {
		m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
			return m.Store.Import(ctx, dossiers[:min(1, len(dossiers))])
		}
	}},
	{"applies, and joins no standings", "import-joins", func(m *portableMutant) {
		m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
			for _, d := range dossiers {
				if _, err := m.Get(ctx, d.Key); err == nil && !d.Record.Key.IsZero() {
					if _, err := m.Apply(ctx, []store.Record{d.Record}); err != nil {
						return err
					}
				} else if err := m.Store.Import(ctx, []store.Dossier{d}); err != nil {
					return err
				}
			}
			return nil
		}
	}},
	{"takes over instead of joining", "import-joins", func(m *portableMutant) {
		m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
			for _, d := range dossiers {
				if err := m.Forget(ctx, d.Key, false); err != nil {
					return err
				}
			}
			return m.Store.Import(ctx, dossiers)
		}
	}},
	{"imports no tombstones", "import-forgets", func(m *portableMutant) {
		m.takes(func(d *store.Dossier) { d.Forgotten = false })
	}},
	{"lifts tombstones", "import-forgets", func(m *portableMutant) {
		m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
			for _, d := range dossiers {
				if !d.Record.Key.IsZero() {
					_ = m.Readmit(ctx, d.Key)
				}
			}
			return m.Store.Import(ctx, dossiers)
		}
	}},
	{"imports half a batch", "import-all-or-nothing", func(m *portableMutant) {
		m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
			for _, d := range dossiers {
				if err := m.Store.Import(ctx, []store.Dossier{d}); err != nil {
					return err
				}
			}
			return m.Store.Import(ctx, nil)
		}
	}},
	{"imports somebody's record for another", "import-all-or-nothing", func(m *portableMutant) {
		m.takes(func(d *store.Dossier) {
			if d.Key.Validate() == nil {
				d.Record.Key = d.Key
			}
		})
	}},
	{"imports although the caller gave up", "import-all-or-nothing", func(m *portableMutant) {
		m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
			return m.Store.Import(context.WithoutCancel(ctx), dossiers)
		}
	}},
	{"has nothing to import after Close", "portable-closed", func(m *portableMutant) {
		m.imports = func(ctx context.Context, dossiers []store.Dossier) error {
			_ = m.Store.Import(ctx, dossiers)
			return ctx.Err()
		}
	}},
}

func TestPortableMutantsAreCaught(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, mu := range portableMutants {
		t.Run(mu.name, func(t *testing.T) {
			t.Parallel()
			failed := failing(t, mu.caught, func() store.Store {
				m := &portableMutant{Store: memstore.New()}
				mu.breaks(m)
				return m
			}, nil)
			if failed == "" {
				t.Fatalf("%q holds", mu.caught)
			}
			t.Log(failed)
		})
	}
}

func TestLossOfWhatWasImportedIsCaught(t *testing.T) {
	open := func() store.Store { return memstore.New() }
	losing := func(lose func(d *store.Dossier)) func(store.Store) store.Store {
		return func(st store.Store) store.Store {
			next := memstore.New()
			for _, backend := range []string{crm, desk} {
				_ = next.Enroll(t.Context(), backend)
			}
			for d := range st.(*memstore.Store).Dossiers(t.Context(), store.Key{}) {
				lose(&d)
				_ = next.Import(t.Context(), []store.Dossier{d})
			}
			return next
		}
	}
	for name, lose := range map[string]func(d *store.Dossier){
		"tombstones": func(d *store.Dossier) { d.Forgotten = false },
		"records":    func(d *store.Dossier) { d.Record = store.Record{} },
		"standings":  func(d *store.Dossier) { d.Standings = nil },
	} {
		if failing(t, "import-durable", open, losing(lose)) == "" {
			t.Errorf("the loss of %s is not caught", name)
		}
	}
	holds(t, "import-durable", open, losing(func(*store.Dossier) {}))
}

func TestPlainStoresAreNotAskedForDossiers(t *testing.T) {
	names := Properties()
	first, last := slices.Index(names, "dossiers-tell-all"), slices.Index(names, "import-durable")
	st := func() store.Store { return plain{memstore.New()} }
	for _, prop := range properties[first : last+1] {
		r := prop.check(&probe{ctx: t.Context(), open: st, reopen: func(store.Store) store.Store { return st() }})
		if r.problem != "" || r.skipped != "the store is not a store.Portable" {
			t.Errorf("%s of a plain store: %+v; want it to be skipped", prop.name, r)
		}
	}
}
