package store

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxWait is the longest time for which a [Standing] can be put off, by a claim
// or a retry.
const MaxWait = 15 * time.Minute

// A State says how one person stands with one backend.
type State string

// The states.
const (
	StateOwed       State = "owed"         // something is to be delivered, or erased
	StateDelivered  State = "delivered"    // the backend has the latest
	StateDead       State = "dead"         // the backend will not take it, see Standing.Reason
	StateErased     State = "erased"       // the backend erased the person
	StateUnerasable State = "cannot erase" // the backend keeps what it has; remove it there by hand
	StateUnserved   State = "not served"   // the backend is not for this person, see Traits.Serves
)

// Known reports whether state is one of the states.
func (state State) Known() bool {
	switch state {
	case StateOwed, StateDelivered, StateDead, StateErased, StateUnerasable, StateUnserved:
		return true
	}
	return false
}

// A Standing is all that a store remembers of one person at one backend. Its
// methods are the whole life of a delivery: each returns the Standing to keep.
// A store calls them inside of a transaction and interprets nothing itself,
// except that it finds those which are [Standing.DueAt] some time, by Bulk, then
// Due.
//
// The zero Standing is that of somebody whom nothing was ever owed of.
type Standing struct {
	Backend string `json:"backend"`
	Key     Key    `json:"key"`
	State   State  `json:"state"`
	// Version counts the changes.
	Version int64 `json:"version"`
	// Fields are those that changed since the last delivery, sorted.
	Fields []Field `json:"fields,omitempty"`
	// All means that every field is owed: nothing was delivered yet, or is to
	// be once more.
	All bool `json:"all,omitempty"`
	// Erase means that the person is to be erased there, before anything else.
	Erase bool `json:"erase,omitempty"`
	// Bulk means that it is owed by an Enroll or a Resync, and may wait until
	// what just happened is through.
	Bulk bool `json:"bulk,omitempty"`
	// Due is when it may be claimed, for StateOwed, and otherwise since when State
	// is what it is. To the millisecond.
	Due time.Time `json:"due,omitzero"`
	// Token is that of the claim that holds it, 0 for none. It stays until Due
	// where a call was not answered, since that may still be carried out.
	Token int64 `json:"token,omitempty"`
	// Touched means that a claim before this one may have reached the backend, so
	// that it may hold something.
	Touched bool `json:"touched,omitempty"`
	// Attempts is how often the delivery was tried in vain.
	Attempts int `json:"attempts,omitempty"`
	// Reason is why the last attempt was in vain. It holds no secret and no
	// value of the profile.
	Reason string `json:"reason,omitempty"`
	// Remote is the backend's own id of the person, "" for none.
	Remote string `json:"remote,omitempty"`
}

// DueAt reports whether s can be claimed at a time. What lies further ahead than
// MaxWait was written by a clock that was wrong, and is due.
func (s Standing) DueAt(now time.Time) bool {
	return s.State == StateOwed && (!s.Due.After(now) || s.Due.After(now.Add(MaxWait)))
}

// Owes reports whether a change is to be delivered: it is not for those who only
// were seen again.
func (c Change) Owes() bool { return !c.Suppressed && (c.Created || len(c.Fields) > 0) }

// Changed is for each change that [Change.Owes], with the fields of it. What is
// waiting for a retry goes on waiting.
func (s Standing) Changed(fields []Field, now time.Time) Standing {
	s.Version++
	s.Bulk = false
	switch s.State {
	case "", StateErased, StateUnerasable, StateUnserved:
		s.State, s.All, s.Attempts, s.Reason, s.Due = StateOwed, true, 0, "", wholeMillis(now)
	case StateDelivered:
		s.State, s.Due = StateOwed, wholeMillis(now)
	case StateDead:
		s.State, s.Attempts, s.Due = StateOwed, 0, wholeMillis(now)
		s.All = s.All || s.Erase
	case StateOwed:
		s.All = s.All || s.Erase
	}
	s.Fields = union(s.Fields, fields)
	return s
}

// Bulked is for Enroll and Resync. Those who are erased, or are to be and did not
// come back, stay so.
func (s Standing) Bulked(now time.Time) Standing {
	if s.State == StateErased || s.State == StateUnerasable || s.Erase && !s.All {
		return s
	}
	if s.State != StateOwed {
		s.State, s.Bulk, s.Attempts, s.Reason, s.Due = StateOwed, true, 0, "", wholeMillis(now)
	}
	s.Version++
	s.All = true
	return s
}

// Forgotten is for [Store.Forget]. keep is false where the backend never got
// anything: then nothing of s may stay.
func (s Standing) Forgotten(now time.Time) (forgotten Standing, keep bool) {
	switch {
	case !s.reached():
		return Standing{}, false
	case s.State == StateErased, s.State == StateUnerasable:
		return s, true
	}
	s.Version++
	s.Fields, s.All, s.Bulk, s.Reason = nil, false, false, ""
	if s.State != StateOwed || s.Token == 0 && !s.Erase {
		s.Attempts, s.Due = 0, wholeMillis(now)
	}
	s.State, s.Erase = StateOwed, true
	return s, true
}

// Replayed is for dead letters, which are owed again, and for what waits for
// another try, which may be tried at once. It leaves all others as they are.
func (s Standing) Replayed(now time.Time) Standing {
	switch {
	case s.State == StateDead:
		s.State, s.Attempts, s.Reason, s.Due = StateOwed, 0, "", wholeMillis(now)
	case s.State == StateOwed && s.Token == 0 && s.Due.After(now):
		s.Due = wholeMillis(now)
	}
	return s
}

// reached reports whether the backend may hold something of the person.
func (s Standing) reached() bool { return s.Touched || s.Token != 0 }

// Overdue is for how long s has been due, for [Claim].Waited; 0 where it is not.
func (s Standing) Overdue(now time.Time) time.Duration {
	if s.State != StateOwed {
		return 0
	}
	return max(0, now.Sub(s.Due))
}

// Claimed hands s out until lease is over. token is a random number, not 0.
func (s Standing) Claimed(token int64, now time.Time, lease time.Duration) Standing {
	s.Touched = s.reached()
	s.Token, s.Due = token, wholeMillis(now.Add(min(lease, MaxWait)))
	return s
}

// A Settlement ends one claim.
type Settlement struct {
	Key     Key
	Token   int64 // of the claimed Standing
	Version int64 // of the claimed Standing
	Verdict Verdict
	// Reason is for VerdictRetry, VerdictRelease and VerdictDead. It is cut to
	// 200 bytes.
	Reason string
	// After is the pause, for VerdictRetry and VerdictRelease.
	After time.Duration
	// Unanswered is for VerdictRetry and VerdictRelease: the call may still be
	// carried out until After is over. Nothing is claimed before, whatever
	// happens.
	Unanswered bool
	// Remote is the Receipt's, for all verdicts but those of an erasure.
	Remote string
	// Refused is the Receipt's, for VerdictDead.
	Refused []Field
}

// A Verdict is what became of a claim.
type Verdict uint8

// The verdicts.
const (
	VerdictDelivered  Verdict = iota // the backend has this version
	VerdictErased                    // the backend has erased the person
	VerdictUnerasable                // the backend cannot erase
	VerdictRetry                     // it was in vain, and is tried again
	VerdictRelease                   // it was not tried, or not by fault of the person
	VerdictDead                      // this version will never be taken
	VerdictUnserved                  // the backend is not for this person
)

// Settled ends the claim of s that x speaks of. Where another claim holds s by
// now, s stays as it is. A change that came since the claim stays owed.
func (s Standing) Settled(x Settlement, now time.Time) Standing {
	if s.Token == 0 || s.Token != x.Token || s.State != StateOwed {
		return s
	}
	s.Token = 0
	s.Due = wholeMillis(now)
	s.Touched = s.Touched || x.Verdict != VerdictUnserved
	if s.Erase && s.Version != x.Version {
		x.Reason = "" // it is of somebody who was forgotten meanwhile, and could name them
	}
	if x.Remote != "" {
		s.Remote = cut(x.Remote, maxRemote)
	}
	switch x.Verdict {
	case VerdictDelivered:
		s.Attempts, s.Reason = 0, ""
		if s.Version == x.Version {
			s.State, s.Fields, s.All, s.Bulk = StateDelivered, nil, false, false
		}
	case VerdictErased, VerdictUnerasable:
		if !s.Erase {
			return s // nobody asked for it
		}
		s.Attempts, s.Reason, s.Erase, s.Remote = 0, "", false, ""
		if s.All { // the person is back, and nothing of before is there
			return s
		}
		s.State, s.Fields = StateErased, nil
		if x.Verdict == VerdictUnerasable {
			s.State = StateUnerasable
		}
	case VerdictDead:
		if s.Version == x.Version {
			s.State, s.Reason, s.Bulk = StateDead, cut(x.Reason, maxReason), false
			s.Attempts++
			if len(x.Refused) > 0 {
				s.Fields, s.All = union(nil, x.Refused), false
			}
		} else {
			s.Attempts = 0
		}
	case VerdictUnserved:
		s.Attempts, s.Reason = 0, ""
		if s.Version == x.Version {
			s.State, s.Fields, s.All, s.Bulk = StateUnserved, nil, false, false
		}
	case VerdictRetry:
		s.Attempts++
		s.wait(x, now)
	case VerdictRelease:
		s.wait(x, now)
	}
	return s
}

func (s *Standing) wait(x Settlement, now time.Time) {
	s.Reason, s.Due = cut(x.Reason, maxReason), wholeMillis(now.Add(min(x.After, MaxWait)))
	if x.Unanswered {
		s.Token = x.Token
	}
}

const (
	maxRemote = 512 // bytes
	maxReason = 200 // bytes
)

// cut returns s without control characters and no longer than limit bytes.
func cut(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) <= limit {
		return s
	}
	for !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

func wholeMillis(t time.Time) time.Time { return t.Round(0).UTC().Truncate(time.Millisecond) }

// union returns the sorted union of a and b. It changes neither.
func union(a, b []Field) []Field {
	u := slices.Concat(a, b)
	slices.Sort(u)
	return slices.Compact(u)
}
