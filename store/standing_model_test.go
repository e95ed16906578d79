package store

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A standingModel is one person, a backend that merges what it is given, and all
// that a deliverer may do in between. What is called may land at any time until
// its lease is over, also twice, also when its process is gone.
type standingModel struct {
	now        time.Time
	standing   Standing
	enrolled   bool
	person     map[Field]string // nil: nobody is kept
	suppressed bool
	there      map[Field]string // what the backend holds; nil: nobody
	erases     bool
	calls      []*standingCall
	tokens     int64
}

// A standingCall is one claim, and the call that was made for it.
type standingCall struct {
	claim  Standing
	person map[Field]string
	landed bool
}

func (m *standingModel) canLand(c *standingCall) bool { return c.claim.Due.After(m.now) }

func (m *standingModel) change(set map[Field]string) {
	if m.suppressed {
		return
	}
	c := Change{Created: m.person == nil}
	after := make(map[Field]string)
	maps.Copy(after, m.person)
	for f, v := range set {
		if v == after[f] {
			continue
		}
		c.Fields = append(c.Fields, f)
		if after[f] = v; v == "" {
			delete(after, f)
		}
	}
	slices.Sort(c.Fields)
	m.person = after
	if m.enrolled && c.Owes() {
		m.standing = m.standing.Changed(c.Fields, m.now)
	}
}

func (m *standingModel) bulk(t *rapid.T) {
	m.enrolled = true
	if m.person == nil {
		return
	}
	if m.standing = m.standing.Bulked(m.now); m.standing.State != StateOwed || !m.standing.All {
		t.Fatalf("somebody is kept, and not owed whole after a resync: %+v", m.standing)
	}
}

func (m *standingModel) forget(suppress bool) {
	m.person, m.suppressed = nil, m.suppressed || suppress
	if s, keep := m.standing.Forgotten(m.now); keep {
		m.standing = s
	} else {
		m.standing = Standing{}
	}
}

func (m *standingModel) claim(t *rapid.T, lease time.Duration) *standingCall {
	for _, c := range m.calls {
		if m.canLand(c) {
			t.Fatalf("claimed at %s, while a call may land until %s:\n%+v", m.now, c.claim.Due, m.standing)
		}
	}
	m.tokens++
	m.standing = m.standing.Claimed(m.tokens, m.now, lease)
	call := &standingCall{claim: m.standing, person: maps.Clone(m.person)}
	m.calls = append(m.calls, call)
	return call
}

func (m *standingModel) land(c *standingCall) {
	c.landed = true
	switch {
	case c.claim.Erase && m.erases:
		m.there = nil
	case !c.claim.Erase:
		fields := c.claim.Fields
		if c.claim.All {
			fields = append(slices.Clone(fields), slices.Collect(maps.Keys(c.person))...)
		}
		if m.there == nil {
			m.there = make(map[Field]string)
		}
		for _, f := range fields {
			if m.there[f] = c.person[f]; c.person[f] == "" {
				delete(m.there, f)
			}
		}
	}
}

// settle ends a call, which then cannot land any more.
func (m *standingModel) settle(c *standingCall, verdict Verdict, after time.Duration) {
	m.calls = slices.DeleteFunc(m.calls, func(o *standingCall) bool { return o == c })
	m.standing = m.standing.Settled(Settlement{
		Token: c.claim.Token, Version: c.claim.Version, Verdict: verdict, Reason: "why", After: after, Remote: "remote",
	}, m.now)
}

// success is the verdict of a call that landed.
func (m *standingModel) success(c *standingCall) Verdict {
	switch {
	case !c.claim.Erase:
		return VerdictDelivered
	case m.erases:
		return VerdictErased
	}
	return VerdictUnerasable
}

// check wants what the Standing says to be so.
func (m *standingModel) check(t *rapid.T) {
	s := m.standing
	switch {
	case !slices.IsSorted(s.Fields) || len(slices.Compact(slices.Clone(s.Fields))) != len(s.Fields):
		t.Fatalf("the fields are %q", s.Fields)
	case s.Due.After(m.now.Add(MaxWait)):
		t.Fatalf("put off for %s", s.Due.Sub(m.now))
	case !m.enrolled:
		return
	case m.person != nil && s.State != StateOwed && s.State != StateDelivered && s.State != StateDead:
		t.Fatalf("somebody is kept, and the state is %q", s.State)
	case m.person == nil && s.State == StateDelivered, m.person == nil && s.State != StateErased && s.State != StateUnerasable && s.Touched && !s.Erase:
		t.Fatalf("nobody is kept, and no erasure is owed: %+v", s)
	case m.person == nil && (s.Fields != nil || s.All):
		t.Fatalf("nobody is kept, and the standing tells of what they had: %+v", s)
	}
	switch s.State {
	case StateDelivered:
		m.same(t)
	case "", StateErased:
		if m.there != nil {
			t.Fatalf("state %q, and the backend holds %v", s.State, m.there)
		}
	}
}

// same wants the backend to hold the person exactly, unless it keeps what it
// could not erase.
func (m *standingModel) same(t *rapid.T) {
	there := maps.Clone(m.there)
	if !m.erases {
		maps.DeleteFunc(there, func(f Field, _ string) bool { return m.person[f] == "" })
	}
	if m.there == nil || !maps.Equal(there, m.person) {
		t.Fatalf("the backend holds %v; the person is %v; the standing %+v", m.there, m.person, m.standing)
	}
}

// drain delivers until nothing is owed, dead letters too.
func (m *standingModel) drain(t *rapid.T) {
	if !m.enrolled {
		m.bulk(t)
	}
	for tries := 0; ; tries++ {
		m.standing = m.standing.Replayed(m.now)
		if m.standing.State != StateOwed {
			break
		}
		if tries > 4 {
			t.Fatalf("still owed after %d deliveries: %+v", tries, m.standing)
		}
		if !m.standing.DueAt(m.now) {
			m.now = m.standing.Due
		}
		c := m.claim(t, time.Minute)
		m.land(c)
		m.settle(c, m.success(c), 0)
		m.check(t)
	}
	if m.person != nil {
		if m.standing.State != StateDelivered {
			t.Fatalf("nothing is owed, and the state is %q", m.standing.State)
		}
		m.same(t)
	} else if m.erases && m.there != nil {
		t.Fatalf("nobody is kept, and the backend holds %v", m.there)
	}
}

func TestStandingLosesNothing(t *testing.T) {
	for range 20 { // 100 schedules take some milliseconds
		rapid.Check(t, schedule)
	}
}

func schedule(t *rapid.T) {
	values := rapid.MapOfN(
		rapid.SampledFrom([]Field{FieldBio, FieldEmail, FieldGivenName}), rapid.SampledFrom([]string{"", "1", "2"}), 0, 3)
	m := &standingModel{now: standingMilli, erases: rapid.IntRange(0, 3).Draw(t, "erases") > 0}
	call := func(t *rapid.T, can func(c *standingCall) bool) *standingCall {
		var calls []*standingCall
		for _, c := range m.calls {
			if can(c) {
				calls = append(calls, c)
			}
		}
		if len(calls) == 0 {
			t.Skip("no such call")
		}
		return rapid.SampledFrom(calls).Draw(t, "call")
	}
	pause := func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second
	}
	change := func(t *rapid.T) { m.change(values.Draw(t, "set")) }
	t.Repeat(map[string]func(*rapid.T){
		"":                 m.check,
		"change":           change,
		"change again":     change,
		"enroll or resync": m.bulk,
		"forget":           func(t *rapid.T) { m.forget(rapid.Bool().Draw(t, "suppress")) },
		"readmit":          func(*rapid.T) { m.suppressed = false },
		"replay":           func(*rapid.T) { m.standing = m.standing.Replayed(m.now) },
		"time":             func(t *rapid.T) { m.now = m.now.Add(pause(t)) },
		"claim": func(t *rapid.T) {
			if !m.standing.DueAt(m.now) {
				t.Skip("not due")
			}
			m.claim(t, time.Minute)
		},
		"land": func(t *rapid.T) { m.land(call(t, m.canLand)) },
		"succeed": func(t *rapid.T) {
			c := call(t, func(c *standingCall) bool { return c.landed || m.canLand(c) })
			if !c.landed {
				m.land(c)
			}
			m.settle(c, m.success(c), 0)
		},
		"confirm late": func(t *rapid.T) {
			c := call(t, func(c *standingCall) bool { return c.landed && !m.canLand(c) })
			m.settle(c, m.success(c), 0)
		},
		"fail": func(t *rapid.T) {
			c := call(t, func(*standingCall) bool { return true })
			m.settle(c, rapid.SampledFrom([]Verdict{VerdictRetry, VerdictRelease, VerdictDead}).Draw(t, "verdict"), pause(t))
		},
		"crash": func(t *rapid.T) { // of the caller: the call is never settled, and lands or not
			c := call(t, m.canLand)
			if rapid.Bool().Draw(t, "lands") {
				m.land(c)
			}
			m.now = c.claim.Due
		},
	})
	m.drain(t)
}
