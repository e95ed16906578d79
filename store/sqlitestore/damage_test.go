package sqlitestore

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// damages are what may become of the row of a standing.
var damages = []string{
	"state = 'lost'", "state = ''", "fields = 'bio'", "fields = '[1]'", `fields = '["b","a"]'`, "whole = 2", "erase = -1", "bulk = 7", "touched = 3",
}

// damaged is a Store of five people who are owed to crm, and of whom that in the
// middle is damaged.
func damaged(t *testing.T, damage string) *Store {
	t.Helper()
	s := temporary(t)
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), people(0, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.readers.Exec("UPDATE " + damage + " WHERE user_id = '2'"); err != nil {
		t.Fatal(err)
	}
	return s
}

// standingOf returns that of person 2.
func standingOf(t *testing.T, s *Store) (found store.Standing) {
	t.Helper()
	for st, err := range s.Standings(t.Context(), store.StandingFilter{Key: person(2).Key}) {
		if err != nil {
			t.Fatal(err)
		}
		found = st
	}
	return found
}

func claimAll(t *testing.T, s *Store) []store.Claim {
	t.Helper()
	claims, _, err := s.Claim(t.Context(), "crm", 100, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestDamagedStandingIsADeadLetterAndStopsNobody(t *testing.T) {
	for _, damage := range damages[2:8] { // what Claim comes across
		if damage == "bulk = 7" {
			continue
		}
		t.Run(damage, func(t *testing.T) {
			s := damaged(t, "standings SET "+damage)
			claims := claimAll(t, s)
			if len(claims) != 4 {
				t.Errorf("%d of 4 people who are not damaged are handed out", len(claims))
			}
			if err := s.Settle(t.Context(), "crm", delivered(claims)); err != nil {
				t.Fatal(err)
			}
			st := standingOf(t, s)
			if st.State != store.StateDead || st.Reason != unreadable || st.Token != 0 || !st.Touched || time.Since(st.Due) > time.Minute {
				t.Errorf("the damaged one is %+v", st)
			}
			if n, err := s.Replay(t.Context(), "crm", store.Key{}); err != nil || n != 1 {
				t.Errorf("Replay: %d, %v", n, err)
			}
			again := claimAll(t, s)
			if len(again) != 1 || !again[0].Standing.All || !again[0].Record.Equal(person(2)) {
				t.Errorf("after Replay %+v is handed out", again)
			}
		})
	}
}

// listed returns how many standings are listed, and the error behind them.
func listed(t *testing.T, s *Store) (n int, err error) {
	t.Helper()
	for _, err = range s.Standings(t.Context(), store.StandingFilter{}) {
		if err == nil {
			n++
		}
	}
	return n, err
}

func TestDamagedStandingIsFoundAndRepairedByWhateverHappens(t *testing.T) {
	for _, damage := range damages {
		t.Run(damage, func(t *testing.T) {
			s := damaged(t, "standings SET "+damage)
			again := func() {
				t.Helper()
				if _, err := s.readers.Exec("UPDATE standings SET " + damage + " WHERE user_id = '2'"); err != nil {
					t.Fatal(err)
				}
				if n, err := listed(t, s); !errors.Is(err, ErrCorrupt) || n != 2 {
					t.Errorf("Standings yields %d and then %v", n, err)
				}
			}
			owed := func(after string, err error) {
				t.Helper()
				if err != nil {
					t.Fatalf("%s: %v", after, err)
				}
				if st := standingOf(t, s); st.State != store.StateOwed || !st.All || !st.Touched {
					t.Errorf("after %s the standing is %+v", after, st)
				}
			}
			change := store.Patch{Key: person(2).Key, At: time.Unix(1_800_000_000, 0), Set: map[store.Field]string{store.FieldBio: "new"}}
			_, err := s.Apply(t.Context(), append(people(5, 7), change.Record()))
			owed("Apply", err)
			again()
			owed("Resync", s.Resync(t.Context(), "crm"))
			claims := claimAll(t, s)
			again()
			if err := s.Settle(t.Context(), "crm", delivered(claims)); err != nil {
				t.Fatal(err)
			}
			if st := standingOf(t, s); st.State != store.StateDelivered && st.Reason != unreadable {
				t.Errorf("after Settle the standing is %+v", st)
			}
			if b := backlog(t, s); b.Owed != 0 {
				t.Errorf("after Settle %d are owed", b.Owed)
			}
			again()
			if err := s.Forget(t.Context(), person(2).Key, false); err != nil {
				t.Fatal(err)
			}
			if st := standingOf(t, s); st.State != store.StateOwed || !st.Erase || st.All || st.Fields != nil {
				t.Errorf("after Forget the standing is %+v", st)
			}
		})
	}
}

func TestDamagedRecordIsADeadLetterAndStopsNobody(t *testing.T) {
	s := damaged(t, "profiles SET record = x'ff'")
	dead := func(when string) {
		t.Helper()
		if err := s.Settle(t.Context(), "crm", delivered(claimAll(t, s))); err != nil {
			t.Fatal(err)
		}
		if st := standingOf(t, s); st.State != store.StateDead || st.Reason != unreadable || st.Touched {
			t.Errorf("%s the standing of the damaged record is %+v", when, st)
		}
		if b := backlog(t, s); b.Owed != 0 || b.Dead != 1 {
			t.Errorf("%s the backlog is %+v", when, b)
		}
	}
	dead("after Claim")
	if n, err := s.Replay(t.Context(), "crm", store.Key{}); err != nil || n != 1 {
		t.Errorf("Replay: %d, %v", n, err)
	}
	dead("after Replay")
	if err := s.Resync(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	dead("after Resync")
	if err := s.Enroll(t.Context(), "desk"); err != nil {
		t.Fatal(err)
	}
	if claims, _, err := s.Claim(t.Context(), "desk", 100, time.Minute); err != nil || len(claims) != 4 {
		t.Errorf("of a backend that is enrolled later %d are handed out, %v", len(claims), err)
	}
	if err := s.Forget(t.Context(), person(2).Key, false); err != nil {
		t.Fatal(err)
	}
	if st := standingOf(t, s); st.State != "" {
		t.Errorf("no backend ever got the damaged record, and after Forget there is %+v", st)
	}
}

// A claim that meets nothing but damage must not look as if nothing were owed.
func TestClaimGoesOnBehindDamage(t *testing.T) {
	s := damaged(t, "profiles SET record = x'ff'")
	if _, err := s.readers.Exec("UPDATE profiles SET record = x'ff' WHERE user_id < '2'"); err != nil {
		t.Fatal(err)
	}
	var handedOut []string
	for range 10 {
		claims, wait, err := s.Claim(t.Context(), "crm", 1, time.Minute)
		if err != nil || len(claims) == 0 && wait <= 0 {
			t.Fatalf("Claim: %d, %s, %v", len(claims), wait, err)
		}
		for _, c := range claims {
			handedOut = append(handedOut, c.Standing.Key.UserID)
		}
		if len(handedOut) == 2 {
			break
		}
	}
	if fmt.Sprint(handedOut) != "[3 4]" {
		t.Errorf("handed out are %q", handedOut)
	}
}

func TestReplayHurriesInSteps(t *testing.T) {
	s := temporary(t)
	s.step = 7
	const size = 30
	if _, err := s.Apply(t.Context(), people(0, size)); err != nil {
		t.Fatal(err)
	}
	if err := s.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	claims := claimAll(t, s)
	settlements := delivered(claims)
	for i := range settlements {
		settlements[i].Verdict, settlements[i].After = store.VerdictRetry, time.Duration(1+i/4)*time.Minute
		if i%3 == 0 {
			settlements[i].Verdict = store.VerdictDead
		}
	}
	if err := s.Settle(t.Context(), "crm", settlements); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Replay(t.Context(), "crm", store.Key{}); err != nil || n != size/3 {
		t.Errorf("Replay: %d, %v; want %d", n, err, size/3)
	}
	if n := len(claimAll(t, s)); n != size {
		t.Errorf("of %d that were replayed %d are due", size, n)
	}
}
