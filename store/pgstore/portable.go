package pgstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Portable = (*Store)(nil)

const (
	// nextKeysSQL also finds those of whom no more than a receipt is left.
	nextKeysSQL = `SELECT channel, user_id FROM (
		(SELECT channel, user_id FROM rollcall.people WHERE (channel, user_id) > ($1, $2) ORDER BY channel, user_id LIMIT $3)
		UNION
		(SELECT DISTINCT channel, user_id FROM rollcall.standings WHERE (channel, user_id) > ($1, $2) ORDER BY channel, user_id LIMIT $3)
		) AS k ORDER BY channel, user_id LIMIT $3`
	addTombstoneSQL = `INSERT INTO rollcall.people (channel, user_id, forgotten) VALUES ($1, $2, true)`
)

var peopleSQL, peoplePlain = lookup{columns: personList, table: "people"}.texts()

// Dossiers implements [store.Portable], page by page as List does. What it yields
// of one person is of one moment. What cannot be read of a person ends it, behind all
// who come before them; to forget that person lets it go on.
func (s *Store) Dossiers(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
	return func(yield func(store.Dossier, error) bool) {
		for cursor := after; ; {
			page, err := s.dossierPage(ctx, cursor)
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
			cursor = page[len(page)-1].Key
		}
	}
}

// dossierPage returns the next people, also those in front of one who is damaged.
func (s *Store) dossierPage(ctx context.Context, cursor store.Key) (page []store.Dossier, err error) {
	err = s.read(ctx, func(c *pgxpool.Conn) error {
		o := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, c, o, func(tx pgx.Tx) error {
			page, err = readDossiers(ctx, s, tx, cursor)
			return err
		})
	})
	return page, err
}

func readDossiers(ctx context.Context, s *Store, tx pgx.Tx, cursor store.Key) ([]store.Dossier, error) {
	if _, err := tx.Exec(ctx, s.dialect.clock); err != nil { // for its settings
		return nil, err
	}
	rows, err := tx.Query(ctx, s.sql(nextKeysSQL), cursor.Channel, cursor.UserID, pageSize)
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.Key])
	if err != nil {
		return nil, err
	}
	channels, userIDs := split(keys)
	if rows, err = tx.Query(ctx, s.sql(peopleSQL), channels, userIDs); err != nil {
		return nil, err
	}
	people := make(map[store.Key]person, len(keys))
	if err := eachPerson(rows, collect(people)); err != nil {
		return nil, err
	}
	if rows, err = tx.Query(ctx, s.sql(enrolledSQL)); err != nil {
		return nil, err
	}
	backends, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	if rows, err = tx.Query(ctx, s.sql(standingsOfSQL), channels, userIDs); err != nil {
		return nil, err
	}
	standings, damage := make(map[store.Key][]store.Standing), make(map[store.Key]error)
	err = eachStanding(rows, func(st store.Standing, _ string, err error) error {
		if !slices.Contains(backends, st.Backend) {
			return nil
		}
		standings[st.Key] = append(standings[st.Key], st)
		if err != nil {
			damage[st.Key] = err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	page := make([]store.Dossier, 0, len(keys))
	for _, key := range keys {
		d, err := dossier(key, people[key], standings[key])
		if err == nil {
			err = damage[key]
		}
		if err != nil {
			return page, err
		}
		page = append(page, d)
	}
	return page, nil
}

func dossier(key store.Key, p person, standings []store.Standing) (d store.Dossier, err error) {
	slices.SortFunc(standings, func(a, b store.Standing) int { return strings.Compare(a.Backend, b.Backend) })
	d = store.Dossier{Key: key, Forgotten: p.forgotten, Standings: standings}
	if p.blob != nil {
		d.Record, err = decode(p.blob, key)
	}
	return d, err
}

// Import implements [store.Portable], in one transaction as Apply does.
func (s *Store) Import(ctx context.Context, dossiers []store.Dossier) error {
	for i, d := range dossiers {
		if err := d.Validate(); err != nil {
			return fmt.Errorf("pgstore: import: dossier %d: %w", i, err)
		}
	}
	err := s.usable(ctx)
	if err == nil && len(dossiers) > 0 {
		err = s.transact(ctx, func(tx *transaction) error { return take(ctx, tx, dossiers) })
	}
	if err != nil {
		return s.fail(ctx, "import", err)
	}
	return nil
}

func take(ctx context.Context, tx *transaction, dossiers []store.Dossier) error {
	keys := make([]store.Key, len(dossiers))
	for i, d := range dossiers {
		keys[i] = d.Key
	}
	slices.SortFunc(keys, store.Key.Compare)
	keys = slices.Compact(keys)
	people := make(map[store.Key]person, len(keys))
	held, err := tx.hold(ctx, keys, collect(people))
	if err != nil {
		return err
	}
	joined := make(map[store.Key]store.Dossier, len(keys))
	for _, key := range keys {
		var standings []store.Standing
		for _, backend := range held.backends {
			if st, found := held.standings.at(place{key, backend}); found {
				standings = append(standings, st)
			}
		}
		if joined[key], err = dossier(key, people[key], standings); err != nil {
			return err
		}
	}
	before := make(map[store.Key]store.Record, len(keys))
	for key, d := range joined {
		before[key] = d.Record
	}
	for _, d := range dossiers {
		joined[d.Key] = joined[d.Key].Join(d, held.backends, held.now)
	}
	var created, changed personRows
	for _, key := range keys {
		d := joined[key]
		kept, exists := people[key]
		switch {
		case d.Forgotten && exists:
			tx.queue(takePersonSQL, key.Channel, key.UserID, true)
		case d.Forgotten:
			tx.queue(addTombstoneSQL, key.Channel, key.UserID)
		case !d.Record.Equal(before[key]):
			rows := &created
			if exists {
				rows = &changed
				rows.tid = append(rows.tid, kept.tid)
			}
			p := d.Record.Profile()
			if err := rows.add(d.Record, &p); err != nil {
				return err
			}
		}
		tx.replaceStandings(held, key, d.Standings)
	}
	tx.writePeople(&created, &changed, whole)
	return tx.putStandings(held.standings)
}

// replaceStandings makes standings all that a person has with enrolled backends.
func (tx *transaction) replaceStandings(h *held, key store.Key, standings []store.Standing) {
	for _, backend := range h.backends {
		i := slices.IndexFunc(standings, func(st store.Standing) bool { return st.Backend == backend })
		if i >= 0 {
			h.standings.put(standings[i])
		} else if _, found := h.standings.kept[place{key, backend}]; found {
			tx.queue(dropStandingSQL, key.Channel, key.UserID, backend)
		}
	}
}
