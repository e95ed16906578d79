package pgstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// takePersonSQL empties the row of a person, and makes one where there is none, so
// that whoever creates them meanwhile has to wait. A tombstone stays one.
var takePersonSQL = func() string {
	var set []string
	for _, c := range columnsOf(whole) {
		set = append(set, c.name+" = NULL")
	}
	return `INSERT INTO rollcall.people AS p (channel, user_id, forgotten) VALUES ($1, $2, $3)
		ON CONFLICT (channel, user_id) DO UPDATE SET forgotten = p.forgotten OR excluded.forgotten, ` + strings.Join(set, ", ")
}()

const (
	dropPersonSQL = `DELETE FROM rollcall.people WHERE channel = $1 AND user_id = $2 AND NOT forgotten`
	readmitSQL    = `DELETE FROM rollcall.people WHERE channel = $1 AND user_id = $2 AND forgotten`
)

// Forget implements [store.Store]. When it returns nil nobody can read the person
// any more, nor their standings but the erasures that are owed. The server's files
// hold old bytes for longer; package doc says which, and what to do.
func (s *Store) Forget(ctx context.Context, key store.Key, suppress bool) error {
	if err := key.Validate(); err != nil {
		return fmt.Errorf("pgstore: forget: %w", err)
	}
	err := s.transact(ctx, func(tx *transaction) error {
		var now time.Time
		tx.clock(&now)
		tx.queue(takePersonSQL, key.Channel, key.UserID, suppress)
		standings := tx.lockStandings(lockStandingsSQL, []string{key.Channel}, []string{key.UserID})
		if err := tx.send(ctx); err != nil {
			return err
		}
		if err := tx.disown(standings, now); err != nil {
			return err
		}
		tx.queue(dropPersonSQL, key.Channel, key.UserID)
		return nil
	})
	if err != nil {
		return s.fail(ctx, "forget "+key.String(), err)
	}
	return nil
}

// Readmit implements [store.Store].
func (s *Store) Readmit(ctx context.Context, key store.Key) error {
	if err := key.Validate(); err != nil {
		return fmt.Errorf("pgstore: readmit: %w", err)
	}
	err := s.transact(ctx, func(tx *transaction) error {
		var now time.Time
		tx.clock(&now)
		tx.queue(readmitSQL, key.Channel, key.UserID)
		return nil
	})
	if err != nil {
		return s.fail(ctx, "readmit "+key.String(), err)
	}
	return nil
}
