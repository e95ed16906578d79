package backendtest

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

func TestARightBackendPasses(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	Run(t, func(*testing.T) Fixture { return newFixture() }, Skip("batch", "the service takes one person a call"), Seed(1))
}

func TestSkipFaults(t *testing.T) {
	c := config{skip: make(map[string]string)}
	SkipFaults("as with the other")(&c)
	left := slices.DeleteFunc(Properties(), func(name string) bool { return c.skip[name] != "" })
	if len(c.skip) != len(ofFaults) || len(left) != len(ofDelivering)+len(ofErasing) || !slices.Contains(left, "lost-answer") {
		t.Errorf("left are %v", left)
	}
}

// A batchBackend takes five people a call.
type batchBackend struct{ *backend }

func (batchBackend) Traits() store.Traits { return store.Traits{Batch: 5} }

func (b batchBackend) DeliverBatch(ctx context.Context, ds []store.Delivery) []store.BatchResult {
	results := make([]store.BatchResult, len(ds))
	for i, d := range ds {
		results[i].Receipt, results[i].Err = b.Deliver(ctx, d)
	}
	return results
}

func batching(change func(b batchBackend) store.Backend) Fixture {
	f := newFixture()
	f.Backend = func(baseURL string) (store.Backend, error) {
		b, err := newBackend(baseURL)
		if err != nil {
			return nil, err
		}
		return change(batchBackend{b}), nil
	}
	return f
}

// A poorBackend cannot clear, is told everything each time, knows two fields, is
// for one channel and cannot erase.
type poorBackend struct{ b *backend }

func (poorBackend) Name() string { return "poor" }

func (poorBackend) Traits() store.Traits {
	return store.Traits{
		CannotClear: true, Replaces: true,
		Takes:  func(f store.Field) bool { return f == store.FieldName || f == store.FieldUsername },
		Serves: func(key store.Key) bool { return key.Channel == "discord" },
	}
}

func (p poorBackend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	return p.b.Deliver(ctx, d)
}

// TestBackendsOfAllKinds shows that what a backend cannot do is left out, and
// all else checked.
func TestBackendsOfAllKinds(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	kinds := map[string]struct {
		fixture func() Fixture
		skipped []string
	}{
		"batch": {func() Fixture { return batching(func(b batchBackend) store.Backend { return b }) }, []string{"serves"}},
		"poor": {func() Fixture {
			f := batching(func(b batchBackend) store.Backend { return poorBackend{b.backend} })
			f.Count, f.Occupy, f.Undefined, f.Channel = nil, nil, "", "discord"
			return f
		}, []string{"partial", "clears", "sets-again", "occupied", "undefined-custom", "refused-fields", "batch", "erases", "erases-unnoted", "erases-truly", "vanished"}},
	}
	for name, kind := range kinds {
		var skipped []string
		for _, prop := range properties {
			switch r := prop.check(testProbe(t, kind.fixture())); {
			case r.problem != "":
				t.Errorf("%s: %s: %s", name, prop.name, r.problem)
			case r.skipped != "":
				skipped = append(skipped, prop.name)
			}
		}
		if !slices.Equal(skipped, kind.skipped) {
			t.Errorf("%s: left out %v, want %v", name, skipped, kind.skipped)
		}
	}
}

func testProbe(t *testing.T, f Fixture) *probe {
	return &probe{ctx: t.Context(), rand: rand.New(rand.NewPCG(1, 2)), patience: time.Minute, Fixture: f}
}

// TestPeopleAreThoseThatAStoreWouldKeep looks at the people who are delivered:
// a backend may rely on what the middleware has looked at before.
func TestPeopleAreThoseThatAStoreWouldKeep(t *testing.T) {
	var keys []store.Key
	for i := range 1000 {
		keys = append(keys, store.Key{Channel: "telegram", UserID: string(rune('a'+i%26)) + time.Duration(i).String()})
	}
	for _, pair := range hostile.KeyPairs {
		keys = append(keys, store.Key(pair[0]), store.Key(pair[1]))
	}
	seen := make(map[store.Field]map[string]store.Key)
	unique := []store.Field{store.FieldUsername, store.FieldEmail, store.FieldPhoneNumber}
	for _, f := range unique {
		seen[f] = make(map[string]store.Key)
	}
	for _, key := range keys {
		for version := range 3 {
			values := versionOf(key, version)
			for f, v := range values {
				if kept, ok := store.Repair(f, v); !ok || kept != v {
					t.Fatalf("%s %q would be kept as %q", f, v, kept)
				}
			}
			for _, f := range unique {
				if other, taken := seen[f][values[f]]; taken && other != key {
					t.Errorf("%q and %q have the same %s", key, other, f)
				}
				seen[f][values[f]] = key
			}
		}
	}
	all := slices.Sorted(maps.Keys(versionOf(keys[0], 0)))
	for _, f := range store.Fields() {
		if f != store.FieldName && !slices.Contains(all, f) {
			t.Errorf("nobody has a %s", f)
		}
	}
	if p := Person(keys[0]); p.Name == "" || p.Key != keys[0] {
		t.Errorf("Person has the name %q and the key %s", p.Name, p.Key)
	}
}
