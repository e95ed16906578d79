package store

import (
	"cmp"
	"slices"
	"time"
)

// A meeting is how one person stands with one backend in two stores, "here" being
// the one that takes over. Due is what orders them: nothing that a store has sent
// arrives later than the Due of its Standing, which is when the state began, or
// when a claim or a pause is over.
type meeting struct {
	now     time.Time
	kept    bool   // there is a record of the person
	news    Change // what is news here
	lacking Change // what would be news there
}

func (m meeting) join(here, there Standing) Standing {
	var s Standing
	switch {
	case !m.kept:
		s = m.erased(here, there)
	case here.State == "" && there.State == "":
		return Standing{}.Bulked(m.now)
	case here.State == "" || m.settledSince(here, there):
		s = m.takenOver(here, there)
	default:
		s = m.added(here, there)
	}
	if s.State == "" {
		return s
	}
	s.Touched = here.reached() || there.reached()
	if s.State != StateErased && s.State != StateUnerasable {
		s.Remote = cmp.Or(s.Remote, here.Remote, there.Remote)
	}
	return s
}

// settledSince reports whether the other store has settled all that is owed here.
func (m meeting) settledSince(here, there Standing) bool {
	return there.State != "" && there.State != StateOwed && !m.lacking.Owes() && !here.Erase &&
		(!here.reached() || there.Due.After(here.Due))
}

// takenOver is the standing of the other store. Its claim stays behind.
func (m meeting) takenOver(here, there Standing) Standing {
	s := there
	s.Token, s.Version = 0, max(here.Version, there.Version)
	if m.lacking.Owes() {
		s = s.Changed(m.lacking.Fields, m.now)
	}
	s.All = s.All || s.Erase
	return s
}

// added is the standing of this store with what the other one adds to it.
func (m meeting) added(here, there Standing) Standing {
	s := here
	if m.news.Owes() {
		s = s.Changed(m.news.Fields, m.now)
	}
	if m.lacking.Owes() && there.reached() {
		// The backend may have what only this store knows better from there: the last
		// delivery from here need not have been of these fields.
		s = s.owing(m.lacking.Fields, false, m.now)
	}
	diedThereSince := there.State == StateDead && there.Due.After(here.Due)
	if there.State != StateOwed && !diedThereSince {
		return s
	}
	bulk := there.Bulk && (s.Bulk || s.State != StateOwed)
	s = s.owing(there.Fields, there.All, m.now)
	s.Bulk = bulk
	if there.Erase && there.reached() && !here.Due.After(there.Due) {
		s.Erase, s.All = true, true
	}
	if there.State == StateOwed && s.Token == 0 && there.Due.After(s.Due) {
		s.Due, s.Attempts, s.Reason = there.Due, there.Attempts, there.Reason
	}
	return s
}

// erased is the standing of somebody of whom nothing is kept.
func (m meeting) erased(here, there Standing) Standing {
	if erasedSince(there, here) {
		return there
	}
	if erasedSince(here, there) {
		return here
	}
	s, keep := m.toErase(here)
	other, owed := m.toErase(there)
	other.Token = 0
	switch {
	case !owed:
	case !keep || s.State != StateOwed:
		other.Version = max(here.Version, other.Version)
		return other
	case s.Token == 0 && other.State == StateOwed && other.Due.After(s.Due):
		s.Due, s.Attempts, s.Reason = other.Due, other.Attempts, other.Reason
	}
	if !keep {
		return Standing{}
	}
	return s
}

// toErase owes the erasure that s does not owe yet.
func (m meeting) toErase(s Standing) (owed Standing, keep bool) {
	if s.Erase && !s.All {
		return s, true
	}
	return s.Forgotten(m.now)
}

// erasedSince reports whether s is a receipt of the erasure of all that either of
// the two stores has sent.
func erasedSince(s, other Standing) bool {
	receipt := func(s Standing) bool { return s.State == StateErased || s.State == StateUnerasable }
	return receipt(s) && (!other.reached() || s.Due.After(other.Due) || receipt(other) && !s.Due.Before(other.Due))
}

// owing adds to what is owed. A claim does not settle what was added to it.
func (s Standing) owing(fields []Field, all bool, now time.Time) Standing {
	missing := func(f Field) bool { return !slices.Contains(s.Fields, f) }
	if s.State == StateOwed && s.Token == 0 && (s.All || !all) && !slices.ContainsFunc(fields, missing) {
		return s
	}
	s = s.Changed(fields, now)
	s.All = s.All || all
	return s
}
