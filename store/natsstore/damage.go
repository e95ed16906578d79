package natsstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// unreadable is the reason of dead letters of what is damaged in the bucket.
const unreadable = "what is kept of the person cannot be read"

// usable returns an error that wraps ErrCorrupt, or ErrNewerSchema, where there is a
// record that cannot be read.
func (e *entry) usable() error {
	switch {
	case !e.damaged:
		return nil
	case e.format > entryVersion:
		return fmt.Errorf("%w: the entry of %s has the format %d", ErrNewerSchema, e.key, e.format)
	}
	return fmt.Errorf("%w: the entry of %s cannot be read", ErrCorrupt, e.key)
}

// repair takes a standing that is damaged for what it may have been at the worst:
// the backend may hold the person, and is owed all of them.
func repair(st standing) standing {
	if st.State.Known() && slices.IsSorted(st.Fields) {
		return st
	}
	st.Touched, st.All, st.Fields, st.repaired = true, st.All || !st.Erase, nil, true
	if !st.State.Known() {
		st.State, st.Reason = store.StateDead, unreadable
	}
	return st
}

// find makes up the standings with the backends of r where they are lost. rev is
// the sequence of the entry: no version before was above that.
func (e *entry) find(r registry, rev uint64) {
	if !e.lost {
		return
	}
	e.standings = nil
	for _, name := range r.names() {
		e.standings = append(e.standings, repair(standing{
			number: r.Backends[name].Number, Standing: store.Standing{Backend: name, Key: e.key, Version: int64(rev)},
		}))
	}
}

// repaired reports whether the standing with a backend was damaged.
func (e *entry) repaired(backend string) bool {
	return slices.ContainsFunc(e.standings, func(st standing) bool { return st.Backend == backend && st.repaired })
}

// letDie makes a dead letter of st without handing it out.
func letDie(st store.Standing, now time.Time) store.Standing {
	dead := st.Claimed(1, now, 0).Settled(store.Settlement{Token: 1, Version: st.Version, Verdict: store.VerdictDead, Reason: unreadable}, now)
	dead.Token, dead.Touched = 0, st.Touched
	return dead
}
