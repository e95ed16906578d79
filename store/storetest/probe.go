package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A probe is what a property asks a store through. Its methods end the property
// with the first thing that is wrong.
type probe struct {
	ctx      context.Context
	rand     *rand.Rand
	patience time.Duration // how long a store that blocks is waited for
	open     func() store.Store
	reopen   func(store.Store) store.Store // nil where the store cannot
	process  func(store.Store) racer       // nil for races between goroutines
	raced    bool                          // whether racers were asked for
	figure   string                        // how much was tried, as an attribute of the test; "" for nothing to say
}

func (p *probe) failf(format string, args ...any) {
	panic(result{problem: fmt.Sprintf(format, args...)})
}

func (p *probe) skip(why string) {
	panic(result{skipped: why})
}

func (p *probe) apply(st store.Store, deltas ...store.Record) []store.Change {
	changes, err := st.Apply(p.ctx, deltas)
	if err != nil {
		p.failf("Apply of %d deltas: %v", len(deltas), err)
	}
	if len(changes) != len(deltas) {
		p.failf("Apply of %d deltas returned %d changes", len(deltas), len(changes))
	}
	return changes
}

func (p *probe) get(st store.Store, key store.Key) store.Record {
	r, err := st.Get(p.ctx, key)
	if err != nil {
		p.failf("Get %s: %v", key, err)
	}
	return r
}

func (p *probe) profile(st store.Store, key store.Key) store.Profile {
	return p.get(st, key).Profile()
}

func (p *probe) list(st store.Store, f store.Filter) []store.Profile {
	var people []store.Profile
	for person, err := range st.List(p.ctx, f) {
		if err != nil {
			p.failf("List %+v: %v", f, err)
		}
		people = append(people, person)
	}
	return people
}

func (p *probe) forget(st store.Store, key store.Key, suppress bool) {
	if err := st.Forget(p.ctx, key, suppress); err != nil {
		p.failf("Forget %s, suppress %t: %v", key, suppress, err)
	}
}

func (p *probe) readmit(st store.Store, key store.Key) {
	if err := st.Readmit(p.ctx, key); err != nil {
		p.failf("Readmit %s: %v", key, err)
	}
}

// errorIs wants err to wrap each of targets.
func (p *probe) errorIs(doing string, err error, targets ...error) {
	for _, target := range targets {
		if !errors.Is(err, target) {
			p.failf("%s: the error is %v; it must wrap %q", doing, err, target)
		}
	}
}

// unknown wants nothing to be kept of key, and no tombstone.
func (p *probe) unknown(st store.Store, key store.Key) {
	r, err := st.Get(p.ctx, key)
	if err == nil {
		p.failf("Get %s: something is kept, with %d registers; nothing may be", key, len(r.Registers))
	}
	p.errorIs("Get "+key.String(), err, store.ErrNotFound)
	if errors.Is(err, store.ErrSuppressed) {
		p.failf("Get %s: the error wraps ErrSuppressed, and there is no tombstone", key)
	}
}

// sameRecord wants exactly this record to be kept.
func (p *probe) sameRecord(st store.Store, want store.Record) {
	got := p.get(st, want.Key)
	if !got.Equal(want) {
		p.failf("%s is kept as\n\t%s\nand should be\n\t%s", want.Key, show(got), show(want))
	}
}

func (p *probe) sameChange(doing string, got, want store.Change) {
	if len(got.Fields) == 0 && len(want.Fields) == 0 {
		got.Fields, want.Fields = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		p.failf("%s: the change is\n\t%s\nand should be\n\t%s", doing, asJSON(got), asJSON(want))
	}
}

func (p *probe) samePeople(doing string, got, want []store.Profile) {
	if gotKeys, wantKeys := keysOf(got), keysOf(want); !slices.Equal(gotKeys, wantKeys) {
		p.failf("%s: yields\n\t%v\nand should yield\n\t%v", doing, gotKeys, wantKeys)
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			p.failf("%s: yields\n\t%s\nand should yield\n\t%s", doing, asJSON(got[i]), asJSON(want[i]))
		}
	}
}

func keysOf(people []store.Profile) []store.Key {
	keys := make([]store.Key, len(people))
	for i, person := range people {
		keys[i] = person.Key
	}
	return keys
}

// asJSON shows what prints as no more than its Key.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func show(r store.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q seen %s to %s:", r.Key, r.FirstSeen.Format(time.RFC3339Nano), r.LastSeen.Format(time.RFC3339Nano))
	for _, reg := range r.Registers {
		value := fmt.Sprintf("%.60q", reg.Value)
		if reg.Cleared {
			value = "cleared"
		}
		fmt.Fprintf(&b, " %s(%s)=%s at %s;", reg.Field, reg.Source, value, reg.At.Format(time.RFC3339Nano))
	}
	return b.String()
}
