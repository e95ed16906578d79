package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Portable = (*Store)(nil)

// heldSQL asks for the next people of whom anything is held. Each of the three
// tables is read in the order of its index.
const heldSQL = "SELECT channel, user_id FROM profiles WHERE (channel, user_id) > (?1, ?2)" +
	" UNION SELECT channel, user_id FROM tombstones WHERE (channel, user_id) > (?1, ?2)" +
	" UNION SELECT channel, user_id FROM standings WHERE (channel, user_id) > (?1, ?2)" +
	" ORDER BY channel, user_id LIMIT ?3"

// Dossiers implements [store.Portable]. It reads page by page, each in a transaction
// that is over before the caller works on it. A record that cannot be read ends it;
// to forget that person lets it go on.
func (s *Store) Dossiers(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
	return func(yield func(store.Dossier, error) bool) {
		for {
			page, err := s.dossiersPage(ctx, after)
			for _, d := range page {
				if d.Empty() {
					continue // there is a standing with a backend that is being withdrawn
				}
				if !yield(d, nil) {
					return
				}
			}
			if err != nil {
				yield(store.Dossier{}, s.fail(ctx, "dossiers", err))
				return
			}
			if len(page) < pageSize {
				return
			}
			after = page[len(page)-1].Key
		}
	}
}

// dossiersPage returns the next people, also those in front of one who is damaged.
func (s *Store) dossiersPage(ctx context.Context, after store.Key) (page []store.Dossier, err error) {
	s.calls.RLock()
	defer s.calls.RUnlock()
	if err := s.open(); err != nil {
		return nil, err
	}
	err = s.patiently(ctx, func() error {
		page = page[:0]
		tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // there is nothing to lose
		page, err = readDossiers(ctx, tx, after, page)
		return err
	})
	return page, err
}

// readDossiers appends the next people to page.
func readDossiers(ctx context.Context, tx *sql.Tx, after store.Key, page []store.Dossier) ([]store.Dossier, error) {
	each := func(query string, scan func(rows *sql.Rows) error, args ...any) error {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	err := each(heldSQL, func(rows *sql.Rows) error {
		var d store.Dossier
		err := rows.Scan(&d.Key.Channel, &d.Key.UserID)
		page = append(page, d)
		return err
	}, after.Channel, after.UserID, pageSize)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	last := page[len(page)-1].Key
	bounds := []any{after.Channel, after.UserID, last.Channel, last.UserID}
	next := 0
	find := func(key store.Key) (*store.Dossier, error) { // in the order of keys
		i := slices.IndexFunc(page[next:], func(d store.Dossier) bool { return d.Key == key })
		if i < 0 {
			return nil, fmt.Errorf("%w: its tables and their indexes tell of different people", ErrCorrupt)
		}
		next += i
		return &page[next], nil
	}
	err = each("SELECT channel, user_id FROM tombstones"+heldBetween, func(rows *sql.Rows) error {
		var key store.Key
		if err := rows.Scan(&key.Channel, &key.UserID); err != nil {
			return err
		}
		d, err := find(key)
		if err == nil {
			d.Forgotten = true
		}
		return err
	}, bounds...)
	if err != nil {
		return nil, err
	}
	var backends []string
	err = each(enrolledSQL, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		backends = append(backends, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	next = 0
	err = each("SELECT "+standingColumns+" FROM standings"+heldBetween+", backend", func(rows *sql.Rows) error {
		var row standingRow
		if err := rows.Scan(row.pointers()...); err != nil {
			return err
		}
		st, damaged := row.standing()
		if damaged != nil {
			st = row.repaired()
		}
		if !slices.Contains(backends, st.Backend) {
			return nil
		}
		d, err := find(st.Key)
		if err == nil {
			d.Standings = append(d.Standings, st)
		}
		return err
	}, bounds...)
	if err != nil {
		return nil, err
	}
	next = 0
	err = each("SELECT channel, user_id, record FROM profiles"+heldBetween, func(rows *sql.Rows) error {
		var key store.Key
		var blob sql.RawBytes
		if err := rows.Scan(&key.Channel, &key.UserID, &blob); err != nil {
			return err
		}
		d, err := find(key)
		if err == nil {
			d.Record, err = decode(blob, key)
		}
		return err
	}, bounds...)
	if err != nil {
		page = page[:next]
	}
	i := slices.IndexFunc(page, lost)
	if i < 0 {
		return page, err
	}
	return page[:i], fmt.Errorf("%w: the record of %s is not found, and a standing tells that there is one", ErrCorrupt, page[i].Key)
}

// lost reports whether d lacks its record: without one a standing is of an erasure, or
// was damaged itself. To give d away would be to have the person erased at the backends.
func lost(d store.Dossier) bool {
	return d.Record.Key.IsZero() && slices.ContainsFunc(d.Standings, func(s store.Standing) bool {
		return !s.Erase && s.State != store.StateErased && s.State != store.StateUnerasable && s.Reason != unreadable
	})
}

const heldBetween = " WHERE (channel, user_id) > (?, ?) AND (channel, user_id) <= (?, ?) ORDER BY channel, user_id"

// Import implements [store.Portable]. Others wait until it is done, so hand over
// about 500 people at a time at the most. Where a person is forgotten by it, the
// bytes of them are gone from the file too, as after Forget.
func (s *Store) Import(ctx context.Context, dossiers []store.Dossier) error {
	for i, d := range dossiers {
		if err := d.Validate(); err != nil {
			return fmt.Errorf("sqlitestore: import: dossier %d: %w", i, err)
		}
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	forgotten := false
	err := s.write(ctx, func(w *conn) error {
		backends, err := enrolled(w)
		if err != nil {
			return err
		}
		now := time.Now()
		for _, from := range dossiers {
			if err := ctx.Err(); err != nil {
				return err
			}
			gone, err := s.join(w, from, backends, now)
			if err != nil {
				return err
			}
			forgotten = forgotten || gone
		}
		return nil
	})
	if err == nil && forgotten {
		err = s.checkpoint(ctx)
	}
	if err != nil {
		return s.fail(ctx, "import", err)
	}
	return nil
}

// join joins one dossier to what is held of the person. It reports whether that
// was erased.
func (s *Store) join(w *conn, from store.Dossier, backends []string, now time.Time) (erased bool, err error) {
	key := from.Key
	here := store.Dossier{Key: key}
	rows, err := read(w, []store.Key{key})
	if err != nil {
		return false, err
	}
	row := rows[0]
	here.Record, here.Forgotten = row.kept, row.forgotten
	if here.Standings, err = selectReadable(w, selectStandingsSQL, key.Channel, key.UserID); err != nil {
		return false, err
	}
	joined := here.Join(from, backends, now)
	if joined.Forgotten && !here.Forgotten {
		if err := w.exec(addTombstoneSQL, key.Channel, key.UserID); err != nil {
			return false, err
		}
	}
	switch {
	case !joined.Record.Key.IsZero():
		after := joined.Record.Profile()
		if err := s.rows.write(w, row, joined.Record, &after); err != nil {
			return false, err
		}
	case row.exists:
		erased = true
		if err := w.exec(dropProfileSQL, key.Channel, key.UserID); err != nil {
			return false, err
		}
	}
	for _, st := range here.Standings {
		if slices.ContainsFunc(joined.Standings, func(j store.Standing) bool { return j.Backend == st.Backend }) || !slices.Contains(backends, st.Backend) {
			continue
		}
		if err := w.exec(dropStandingSQL, key.Channel, key.UserID, st.Backend); err != nil {
			return false, err
		}
	}
	for _, st := range joined.Standings {
		if slices.ContainsFunc(here.Standings, func(h store.Standing) bool { return reflect.DeepEqual(h, st) }) {
			continue
		}
		if err := putStanding(w, st); err != nil {
			return false, err
		}
	}
	return erased, nil
}
