package store

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// standingNow is not in whole milliseconds, and standingMilli is.
var (
	standingNow   = time.Date(2026, 3, 1, 12, 0, 0, 1_999_999, time.UTC)
	standingMilli = time.Date(2026, 3, 1, 12, 0, 0, 1_000_000, time.UTC)
	standingPast  = standingMilli.Add(-time.Minute)
	standingLater = standingMilli.Add(time.Minute)
)

// A transition is one row of a table: what a Standing is before and after.
type transition struct {
	name          string
	before, after Standing
}

func checkTransitions(t *testing.T, step func(Standing) Standing, rows []transition) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			before := row.before
			before.Fields = append([]Field(nil), before.Fields...)
			if got := step(row.before); !reflect.DeepEqual(got, row.after) {
				t.Errorf("is\n\t%+v\nand should be\n\t%+v", got, row.after)
			}
			if !reflect.DeepEqual(row.before.Fields, row.after.Fields) && !reflect.DeepEqual(row.before.Fields, before.Fields) {
				t.Errorf("the Fields of the Standing before were written to: %q", row.before.Fields)
			}
		})
	}
}

func TestStandingChanged(t *testing.T) {
	changed := []Field{FieldBio, FieldUsername}
	checkTransitions(t, func(s Standing) Standing { return s.Changed(changed, standingNow) }, []transition{
		{
			"the first change owes everything, at once",
			Standing{Backend: "b"},
			Standing{Backend: "b", State: StateOwed, Version: 1, Fields: changed, All: true, Due: standingMilli},
		}, {
			"after a delivery only what changed is owed",
			Standing{State: StateDelivered, Version: 7, Due: standingPast, Touched: true, Remote: "r"},
			Standing{State: StateOwed, Version: 8, Fields: changed, Due: standingMilli, Touched: true, Remote: "r"},
		}, {
			"what is owed adds up, and goes on waiting for its retry",
			Standing{State: StateOwed, Version: 7, Fields: []Field{FieldEmail, FieldUsername}, Due: standingLater, Attempts: 3, Reason: "why", Touched: true},
			Standing{State: StateOwed, Version: 8, Fields: []Field{FieldBio, FieldEmail, FieldUsername}, Due: standingLater, Attempts: 3, Reason: "why", Touched: true},
		}, {
			"what just happened is not bulk any more",
			Standing{State: StateOwed, Version: 1, All: true, Bulk: true, Due: standingPast},
			Standing{State: StateOwed, Version: 2, All: true, Fields: changed, Due: standingPast},
		}, {
			"a claim keeps its token and its lease",
			Standing{State: StateOwed, Version: 1, All: true, Due: standingLater, Token: 5, Touched: true},
			Standing{State: StateOwed, Version: 2, All: true, Fields: changed, Due: standingLater, Token: 5, Touched: true},
		}, {
			"a dead letter is owed again, with what it owed",
			Standing{State: StateDead, Version: 4, Fields: []Field{FieldEmail}, Attempts: 9, Reason: "why", Touched: true},
			Standing{State: StateOwed, Version: 5, Fields: []Field{FieldBio, FieldEmail, FieldUsername}, Due: standingMilli, Reason: "why", Touched: true},
		}, {
			"who comes back while the erasure is owed is owed whole after it",
			Standing{State: StateOwed, Version: 4, Erase: true, Due: standingLater, Touched: true, Attempts: 1, Remote: "r"},
			Standing{State: StateOwed, Version: 5, Erase: true, All: true, Fields: changed, Due: standingLater, Touched: true, Attempts: 1, Remote: "r"},
		}, {
			"who comes back after a dead erasure is owed whole after it",
			Standing{State: StateDead, Version: 4, Erase: true, Touched: true, Attempts: 1},
			Standing{State: StateOwed, Version: 5, Erase: true, All: true, Fields: changed, Due: standingMilli, Touched: true},
		}, {
			"who was not served is owed whole",
			Standing{State: StateUnserved, Version: 4},
			Standing{State: StateOwed, Version: 5, All: true, Fields: changed, Due: standingMilli},
		}, {
			"who comes back after the erasure is owed whole",
			Standing{State: StateErased, Version: 4, Touched: true},
			Standing{State: StateOwed, Version: 5, All: true, Fields: changed, Due: standingMilli, Touched: true},
		}, {
			"so is who comes back where nobody can be erased",
			Standing{State: StateUnerasable, Version: 4, Touched: true},
			Standing{State: StateOwed, Version: 5, All: true, Fields: changed, Due: standingMilli, Touched: true},
		},
	})
	if changed[0] != FieldBio || changed[1] != FieldUsername {
		t.Errorf("the fields that were given were written to: %q", changed)
	}
	s := Standing{}.Changed(changed, standingNow)
	s.Fields[0] = "spoilt"
	if changed[0] != FieldBio {
		t.Error("the Standing shares the fields that were given")
	}
}

func TestStandingBulked(t *testing.T) {
	checkTransitions(t, func(s Standing) Standing { return s.Bulked(standingNow) }, []transition{
		{
			"somebody new is owed whole, in the bulk lane",
			Standing{Backend: "b"},
			Standing{Backend: "b", State: StateOwed, Version: 1, All: true, Bulk: true, Due: standingMilli},
		}, {
			"so is who was delivered",
			Standing{State: StateDelivered, Version: 3, Due: standingPast, Touched: true, Remote: "r"},
			Standing{State: StateOwed, Version: 4, All: true, Bulk: true, Due: standingMilli, Touched: true, Remote: "r"},
		}, {
			"and a dead letter",
			Standing{State: StateDead, Version: 3, Fields: []Field{FieldBio}, Attempts: 2, Reason: "why", Touched: true},
			Standing{State: StateOwed, Version: 4, Fields: []Field{FieldBio}, All: true, Bulk: true, Due: standingMilli, Touched: true},
		}, {
			"what just happened stays in its lane, and waits as before",
			Standing{State: StateOwed, Version: 3, Fields: []Field{FieldBio}, Due: standingLater, Token: 5, Touched: true, Attempts: 1, Reason: "why"},
			Standing{State: StateOwed, Version: 4, Fields: []Field{FieldBio}, All: true, Due: standingLater, Token: 5, Touched: true, Attempts: 1, Reason: "why"},
		}, {
			"an erasure stays as it is",
			Standing{State: StateOwed, Version: 3, Erase: true, Due: standingLater, Touched: true},
			Standing{State: StateOwed, Version: 3, Erase: true, Due: standingLater, Touched: true},
		}, {
			"a dead erasure too",
			Standing{State: StateDead, Version: 3, Erase: true, Touched: true, Reason: "why"},
			Standing{State: StateDead, Version: 3, Erase: true, Touched: true, Reason: "why"},
		},
		{
			"but not that of somebody who came back",
			Standing{State: StateDead, Version: 3, Erase: true, All: true, Touched: true, Reason: "why"},
			Standing{State: StateOwed, Version: 4, Erase: true, All: true, Bulk: true, Due: standingMilli, Touched: true},
		},
		{"who is erased stays so", Standing{State: StateErased, Version: 3, Touched: true}, Standing{State: StateErased, Version: 3, Touched: true}},
		{"who cannot be erased too", Standing{State: StateUnerasable, Version: 3, Touched: true}, Standing{State: StateUnerasable, Version: 3, Touched: true}},
	})
}

// A call was not answered and may still be carried out: what comes next waits for it.
func TestNothingOvertakesACallThatWasNotAnswered(t *testing.T) {
	silent := Standing{State: StateOwed, Version: 3, All: true, Due: standingLater, Token: 5, Attempts: 1}
	forgotten, keep := silent.Forgotten(standingNow)
	if !keep || !forgotten.Erase || !forgotten.Due.Equal(standingLater) {
		t.Errorf("forgotten it is %+v, kept %v", forgotten, keep)
	}
	if replayed := silent.Replayed(standingNow); !reflect.DeepEqual(replayed, silent) {
		t.Errorf("replayed it is %+v", replayed)
	}
	if changed := silent.Changed([]Field{FieldBio}, standingNow); !changed.Due.Equal(standingLater) {
		t.Errorf("changed it is %+v", changed)
	}
}

func TestStandingForgotten(t *testing.T) {
	for _, state := range []State{"", StateOwed} {
		if got, keep := (Standing{Backend: "b", State: state, Fields: []Field{FieldBio}}).Forgotten(standingNow); keep || !reflect.DeepEqual(got, Standing{}) {
			t.Errorf("of somebody whom the backend never got %+v is kept, %t", got, keep)
		}
	}
	forgotten := func(s Standing) Standing {
		got, keep := s.Forgotten(standingNow)
		if !keep {
			t.Errorf("nothing is kept of %+v", s)
		}
		return got
	}
	checkTransitions(t, forgotten, []transition{
		{
			"who was delivered is to be erased, by the backend's own id",
			Standing{State: StateDelivered, Version: 3, Due: standingPast, Touched: true, Remote: "r"},
			Standing{State: StateOwed, Version: 4, Erase: true, Due: standingMilli, Touched: true, Remote: "r"},
		}, {
			"nothing of the person stays in what was owed, and no retry is waited for",
			Standing{State: StateOwed, Version: 3, Fields: []Field{NickField("1")}, All: true, Bulk: true, Due: standingLater, Touched: true, Attempts: 2, Reason: "why"},
			Standing{State: StateOwed, Version: 4, Erase: true, Due: standingMilli, Touched: true},
		}, {
			"a delivery under way ends first",
			Standing{State: StateOwed, Version: 3, Fields: []Field{FieldBio}, Due: standingLater, Token: 5, Touched: true},
			Standing{State: StateOwed, Version: 4, Erase: true, Due: standingLater, Token: 5, Touched: true},
		}, {
			"an erasure that is tried again goes on waiting, and forgets who came back meanwhile",
			Standing{State: StateOwed, Version: 3, Fields: []Field{FieldBio}, All: true, Erase: true, Due: standingLater, Touched: true, Attempts: 2},
			Standing{State: StateOwed, Version: 4, Erase: true, Due: standingLater, Touched: true, Attempts: 2},
		}, {
			"a dead letter is to be erased",
			Standing{State: StateDead, Version: 3, Fields: []Field{FieldBio}, Touched: true, Attempts: 2, Reason: "why"},
			Standing{State: StateOwed, Version: 4, Erase: true, Due: standingMilli, Touched: true},
		},
		{"who is erased stays so", Standing{State: StateErased, Version: 3, Touched: true}, Standing{State: StateErased, Version: 3, Touched: true}},
		{"who cannot be erased too", Standing{State: StateUnerasable, Version: 3, Touched: true}, Standing{State: StateUnerasable, Version: 3, Touched: true}},
	})
}

func TestStandingReplayed(t *testing.T) {
	same := func(name string, s Standing) transition { return transition{name, s, s} }
	checkTransitions(t, func(s Standing) Standing { return s.Replayed(standingNow) }, []transition{
		{
			"a dead letter is owed again",
			Standing{State: StateDead, Version: 3, Fields: []Field{FieldBio}, All: true, Touched: true, Attempts: 2, Reason: "why", Remote: "r"},
			Standing{State: StateOwed, Version: 3, Fields: []Field{FieldBio}, All: true, Due: standingMilli, Touched: true, Remote: "r"},
		},
		{
			"what waits may be tried at once",
			Standing{State: StateOwed, Version: 3, Due: standingLater, Attempts: 2, Reason: "why"},
			Standing{State: StateOwed, Version: 3, Due: standingMilli, Attempts: 2, Reason: "why"},
		},
		same("nobody at all", Standing{}),
		same("what is due", Standing{State: StateOwed, Version: 3, Due: standingPast, Attempts: 2}),
		same("what is claimed", Standing{State: StateOwed, Version: 3, Due: standingLater, Token: 5, Touched: true}),
		same("delivered", Standing{State: StateDelivered, Version: 3}),
		same("erased", Standing{State: StateErased, Version: 3}),
	})
}

func TestStandingOverdue(t *testing.T) {
	for _, c := range []struct {
		s    Standing
		want time.Duration
	}{
		{Standing{}, 0},
		{Standing{State: StateOwed, Due: standingMilli.Add(-time.Minute)}, standingNow.Sub(standingMilli) + time.Minute},
		{Standing{State: StateOwed, Due: standingLater}, 0},
		{Standing{State: StateDelivered, Due: standingPast}, 0},
	} {
		if got := c.s.Overdue(standingNow); got != c.want {
			t.Errorf("%+v is overdue for %s, want %s", c.s, got, c.want)
		}
	}
}

func TestStandingClaimed(t *testing.T) {
	owed := Standing{State: StateOwed, Version: 3, Fields: []Field{FieldBio}, Bulk: true, Due: standingPast, Attempts: 2, Reason: "why"}
	for lease, until := range map[time.Duration]time.Time{time.Minute: standingLater, time.Hour: standingMilli.Add(MaxWait)} {
		want := owed
		want.Token, want.Due = 5, until
		if got := owed.Claimed(5, standingNow, lease); !reflect.DeepEqual(got, want) {
			t.Errorf("claimed for %s it is\n\t%+v\nand should be\n\t%+v", lease, got, want)
		} else if got.DueAt(standingNow) || !got.DueAt(until) {
			t.Errorf("claimed for %s it is due at %s, or not at %s", lease, standingNow, until)
		}
	}
	crashed := owed
	crashed.Token = 4
	if again := crashed.Claimed(5, standingNow, time.Minute); !again.Touched || again.Token != 5 {
		t.Errorf("after a claim that nobody settled it is %+v, and the backend may hold something", again)
	}
}

func TestStandingDueAt(t *testing.T) {
	for _, c := range []struct {
		state State
		due   time.Time
		want  bool
	}{
		{StateOwed, standingPast, true},
		{StateOwed, standingNow, true},
		{StateOwed, standingNow.Add(1), false},
		{StateOwed, standingNow.Add(MaxWait), false},
		{StateOwed, standingNow.Add(MaxWait + 1), true}, // the clock was set back
		{StateOwed, time.Time{}, true},
		{StateDelivered, standingPast, false},
		{StateDead, standingPast, false},
		{StateErased, standingPast, false},
		{"", standingPast, false},
	} {
		if got := (Standing{State: c.state, Due: c.due}).DueAt(standingNow); got != c.want {
			t.Errorf("%q, due at %s, is due at %s: %t", c.state, c.due, standingNow, got)
		}
	}
}

func TestStandingSettled(t *testing.T) {
	claimed := Standing{
		State: StateOwed, Version: 3, Fields: []Field{FieldBio}, All: true, Bulk: true,
		Due: standingLater, Token: 5, Touched: true, Attempts: 2, Reason: "before", Remote: "r",
	}
	with := func(s Standing, change func(s *Standing)) Standing {
		change(&s)
		return s
	}
	erasing := Standing{State: StateOwed, Version: 3, Erase: true, Due: standingLater, Token: 5, Touched: true, Attempts: 2, Reason: "before", Remote: "r"}
	back := with(erasing, func(s *Standing) { s.Version, s.All, s.Fields = 4, true, []Field{FieldBio} })
	changed := with(claimed, func(s *Standing) { s.Version, s.Bulk = 4, false })
	forgotten := with(erasing, func(s *Standing) { s.Version = 4 })
	for _, c := range []struct {
		name   string
		before Standing
		x      Settlement
		after  Standing
	}{
		{
			"delivered", claimed, Settlement{Verdict: VerdictDelivered, Remote: "new"},
			Standing{State: StateDelivered, Version: 3, Due: standingMilli, Touched: true, Remote: "new"},
		}, {
			"no answer for somebody who was forgotten meanwhile, whom the reason names", forgotten,
			Settlement{Verdict: VerdictRetry, After: time.Minute, Reason: "Ann is odd", Unanswered: true},
			with(forgotten, func(s *Standing) {
				s.Attempts, s.Reason, s.Due = 3, "", wholeMillis(standingNow.Add(time.Minute))
			}),
		}, {
			"delivered without a new remote", claimed, Settlement{Verdict: VerdictDelivered},
			Standing{State: StateDelivered, Version: 3, Due: standingMilli, Touched: true, Remote: "r"},
		}, {
			"delivered while it changed", changed, Settlement{Verdict: VerdictDelivered, Remote: "new"},
			Standing{State: StateOwed, Version: 4, Fields: []Field{FieldBio}, All: true, Due: standingMilli, Touched: true, Remote: "new"},
		}, {
			"delivered while it was forgotten", forgotten, Settlement{Verdict: VerdictDelivered, Remote: "new"},
			Standing{State: StateOwed, Version: 4, Erase: true, Due: standingMilli, Touched: true, Remote: "new"},
		}, {
			"erased", erasing, Settlement{Verdict: VerdictErased},
			Standing{State: StateErased, Version: 3, Due: standingMilli, Touched: true},
		}, {
			"cannot erase", erasing, Settlement{Verdict: VerdictUnerasable},
			Standing{State: StateUnerasable, Version: 3, Due: standingMilli, Touched: true},
		}, {
			"erased while the person came back", back, Settlement{Verdict: VerdictErased},
			Standing{State: StateOwed, Version: 4, All: true, Fields: []Field{FieldBio}, Due: standingMilli, Touched: true},
		}, {
			"dead", claimed, Settlement{Verdict: VerdictDead, Reason: "never"},
			Standing{
				State: StateDead, Version: 3, Fields: []Field{FieldBio}, All: true, Due: standingMilli,
				Touched: true, Attempts: 3, Reason: "never", Remote: "r",
			},
		}, {
			"dead for some fields alone", claimed,
			Settlement{Verdict: VerdictDead, Reason: "never", Remote: "new", Refused: []Field{FieldUsername, FieldEmail}},
			Standing{
				State: StateDead, Version: 3, Fields: []Field{FieldEmail, FieldUsername}, Due: standingMilli,
				Touched: true, Attempts: 3, Reason: "never", Remote: "new",
			},
		}, {
			"dead for some fields while it changed", changed,
			Settlement{Verdict: VerdictDead, Reason: "never", Refused: []Field{FieldEmail}},
			Standing{
				State: StateOwed, Version: 4, Fields: []Field{FieldBio}, All: true, Due: standingMilli,
				Touched: true, Reason: "before", Remote: "r",
			},
		}, {
			"retry after something arrived", claimed, Settlement{Verdict: VerdictRetry, Reason: "in vain", After: time.Minute, Remote: "new"},
			with(claimed, func(s *Standing) {
				s.Token, s.Due, s.Attempts, s.Reason, s.Remote = 0, standingLater, 3, "in vain", "new"
			}),
		}, {
			"dead while it changed", changed, Settlement{Verdict: VerdictDead, Reason: "never"},
			Standing{
				State: StateOwed, Version: 4, Fields: []Field{FieldBio}, All: true, Due: standingMilli,
				Touched: true, Reason: "before", Remote: "r",
			},
		}, {
			"not served, and never delivered",
			Standing{State: StateOwed, Version: 3, Fields: []Field{FieldBio}, All: true, Bulk: true, Due: standingLater, Token: 5, Attempts: 1, Reason: "before"},
			Settlement{Verdict: VerdictUnserved},
			Standing{State: StateUnserved, Version: 3, Due: standingMilli},
		}, {
			"not served any more",
			Standing{State: StateOwed, Version: 3, Fields: []Field{FieldBio}, Due: standingLater, Token: 5, Touched: true},
			Settlement{Verdict: VerdictUnserved},
			Standing{State: StateUnserved, Version: 3, Due: standingMilli, Touched: true},
		}, {
			"not served any more, and known by an id", claimed, Settlement{Verdict: VerdictUnserved},
			Standing{State: StateUnserved, Version: 3, Due: standingMilli, Touched: true, Remote: "r"},
		}, {
			"not served while it changed", changed, Settlement{Verdict: VerdictUnserved},
			with(changed, func(s *Standing) { s.Token, s.Due, s.Attempts, s.Reason = 0, standingMilli, 0, "" }),
		}, {
			"retry", claimed, Settlement{Verdict: VerdictRetry, Reason: "in vain", After: time.Minute},
			with(claimed, func(s *Standing) { s.Token, s.Due, s.Attempts, s.Reason = 0, standingLater, 3, "in vain" }),
		}, {
			"retry of what may still be carried out", claimed, Settlement{Verdict: VerdictRetry, Reason: "in vain", After: time.Minute, Unanswered: true},
			with(claimed, func(s *Standing) { s.Due, s.Attempts, s.Reason = standingLater, 3, "in vain" }),
		}, {
			"a first claim that was given back",
			Standing{State: StateOwed, Version: 3, All: true, Due: standingLater, Token: 5}, Settlement{Verdict: VerdictRelease},
			Standing{State: StateOwed, Version: 3, All: true, Due: standingMilli, Touched: true},
		}, {
			"erased, which nobody asked for", claimed, Settlement{Verdict: VerdictUnerasable},
			with(claimed, func(s *Standing) { s.Token, s.Due = 0, standingMilli }),
		}, {
			"release", claimed, Settlement{Verdict: VerdictRelease, Reason: "busy", After: time.Hour},
			with(claimed, func(s *Standing) { s.Token, s.Due, s.Reason = 0, standingMilli.Add(MaxWait), "busy" }),
		},
		{"another's claim", claimed, Settlement{Token: 6, Verdict: VerdictDelivered}, claimed},
		{
			"nobody's claim", with(claimed, func(s *Standing) { s.Token = 0 }), Settlement{Token: -1, Verdict: VerdictDelivered},
			with(claimed, func(s *Standing) { s.Token = 0 }),
		},
	} {
		x := c.x
		x.Version = 3
		switch x.Token {
		case 0:
			x.Token = 5
		case -1:
			x.Token = 0
		}
		if got := c.before.Settled(x, standingNow); !reflect.DeepEqual(got, c.after) {
			t.Errorf("%s: it is\n\t%+v\nand should be\n\t%+v", c.name, got, c.after)
		}
	}
}

func TestStandingKeepsShortCleanTexts(t *testing.T) {
	claimed := Standing{State: StateOwed, Version: 1, Token: 5, Touched: true}
	x := Settlement{
		Token: 5, Version: 1, Verdict: VerdictRetry,
		Reason: "a\x00b\r\nc\x1b\xff" + strings.Repeat("é", 300),
	}
	if got, want := claimed.Settled(x, standingNow).Reason, "abc"+strings.Repeat("é", 98); got != want {
		t.Errorf("the reason is %q; want %q", got, want)
	}
	x.Verdict, x.Remote = VerdictDelivered, strings.Repeat("€", 300)
	if got, want := claimed.Settled(x, standingNow).Remote, strings.Repeat("€", 170); got != want {
		t.Errorf("the remote has %d bytes; want %d", len(got), len(want))
	}
}

func TestChangeOwes(t *testing.T) {
	for _, c := range []struct {
		change Change
		want   bool
	}{
		{Change{}, false},
		{Change{Same: true}, false},
		{Change{Outdated: true}, false},
		{Change{Created: true}, true},
		{Change{Fields: []Field{FieldBio}}, true},
		{Change{Suppressed: true}, false},
	} {
		if got := c.change.Owes(); got != c.want {
			t.Errorf("%+v owes: %t", c.change, got)
		}
	}
}
