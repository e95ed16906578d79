package prove_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// sweptPeople is how many are kept before each step.
const sweptPeople = 40

// A sweptStep is something that a bot asks of its file. To ask it twice does no harm.
type sweptStep struct {
	name     string
	creates  bool // there is no file before
	migrates bool // the file is of an older version
	vague    bool // SQLite may call a failing disk by another name
	before   func(t *testing.T, s *swept) error
	run      func(t *testing.T, s *swept) error
}

func (step sweptStep) opens() bool { return step.before == nil }

// A swept is the file of one run. st is nil while nobody has it open.
type swept struct {
	path    string
	st      *sqlitestore.Store
	claims  []store.Claim
	backups int
}

var sweptSteps = []sweptStep{
	{name: "create", creates: true, run: reopen},
	{name: "migrate", migrates: true, run: reopen},
	{name: "open", run: reopen},
	{name: "get", before: reopen, run: func(t *testing.T, s *swept) error {
		_, err := s.st.Get(t.Context(), sweptKey(1))
		return err
	}},
	{name: "list", before: reopen, run: func(t *testing.T, s *swept) error {
		for _, err := range s.st.List(t.Context(), store.Filter{}) {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "apply", before: reopen, run: func(t *testing.T, s *swept) error {
		_, err := s.st.Apply(t.Context(), sweptDeltas(sweptPeople/2, sweptPeople*2, 2))
		return err
	}},
	{name: "forget", before: reopen, run: func(t *testing.T, s *swept) error {
		return s.st.Forget(t.Context(), sweptKey(1), true)
	}},
	{name: "enroll", before: reopen, run: func(t *testing.T, s *swept) error {
		return s.st.Enroll(t.Context(), "another")
	}},
	{name: "claim", before: reopen, run: claim},
	{name: "settle", before: claim, run: func(t *testing.T, s *swept) error {
		var settlements []store.Settlement
		for _, c := range s.claims {
			settlements = append(settlements, store.Settlement{Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version})
		}
		return s.st.Settle(t.Context(), "crm", settlements)
	}},
	{name: "backup", vague: true, before: reopen, run: func(t *testing.T, s *swept) error {
		s.backups++
		return s.st.Backup(t.Context(), fmt.Sprint(s.path, ".backup", s.backups))
	}},
	{name: "close", before: dirty, run: func(_ *testing.T, s *swept) error {
		if s.st == nil {
			return nil
		}
		defer func() { s.st = nil }()
		return s.st.Close()
	}},
}

func (s *swept) open(t *testing.T) (err error) {
	t.Helper()
	s.st, err = sqlitestore.Open(s.path)
	return err
}

// reopen closes the file where it is open.
func reopen(t *testing.T, s *swept) error {
	t.Helper()
	if s.st != nil {
		if err := s.st.Close(); err != nil {
			return err
		}
	}
	return s.open(t)
}

// dirty leaves something in the log.
func dirty(t *testing.T, s *swept) error {
	t.Helper()
	if err := s.open(t); err != nil {
		return err
	}
	_, err := s.st.Apply(t.Context(), sweptDeltas(sweptPeople/2, sweptPeople*2, 2))
	return err
}

// claim tries until there is something: a claim whose answer was lost comes back when
// its lease is over.
func claim(t *testing.T, s *swept) (err error) {
	t.Helper()
	if s.st == nil {
		if err := s.open(t); err != nil {
			return err
		}
	}
	lease := 50 * time.Millisecond
	for range 100 {
		s.claims, _, err = s.st.Claim(t.Context(), "crm", sweptPeople, lease)
		if err != nil || len(s.claims) == sweptPeople {
			return err
		}
		time.Sleep(lease / 5)
	}
	return errors.New("not all that is owed can be claimed")
}

func sweptKey(n int) store.Key { return store.Key{Channel: "telegram", UserID: fmt.Sprint(n)} }

func sweptDeltas(from, to int, version int64) (deltas []store.Record) {
	for n := from; n < to; n++ {
		deltas = append(deltas, store.Patch{
			Key: sweptKey(n), Source: store.Observed, At: changedAt(version),
			Set: map[store.Field]string{store.FieldUsername: fmt.Sprint("v", version), store.FieldBio: strings.Repeat("b", 500)},
		}.Record())
	}
	return deltas
}
