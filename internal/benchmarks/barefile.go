package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// A bareFile is a file of sqlitestore's that database/sql writes instead: the same
// tables, driver and settings, and rows that were made beforehand.
type bareFile struct {
	path    string
	db      *sql.DB
	columns []string // of profiles, all but id
}

// bareSettings are those of sqlitestore's writer.
const bareSettings = "?_txlock=immediate&_pragma=synchronous(full)&_pragma=wal_autocheckpoint(8000)" +
	"&_pragma=journal_size_limit(67108864)&_pragma=secure_delete(1)&_pragma=temp_store(memory)&_pragma=cache_size(-16384)"

func newBareFile(ctx context.Context, path string) (f *bareFile, err error) {
	st, err := sqlitestore.Open(path)
	if err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil {
		return nil, err
	}
	f = &bareFile{path: path}
	if f.db, err = sql.Open("sqlite", "file:"+filepath.ToSlash(path)+bareSettings); err != nil {
		return nil, err
	}
	f.db.SetMaxOpenConns(1)
	rows, err := f.db.QueryContext(ctx, "SELECT name FROM pragma_table_info('profiles') WHERE name <> 'id'")
	if err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, errors.Join(err, f.db.Close())
		}
		f.columns = append(f.columns, name)
	}
	return f, rows.Err()
}

// insert is the statement that writes a row.
func (f *bareFile) insert() string {
	return "INSERT INTO profiles (" + strings.Join(f.columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(f.columns)-1) + ")"
}

// upsert is insert that overwrites the row of the same person.
func (f *bareFile) upsert() string {
	var set []string
	for _, c := range f.columns {
		set = append(set, c+" = excluded."+c)
	}
	return f.insert() + " ON CONFLICT (channel, user_id) DO UPDATE SET " + strings.Join(set, ", ")
}

// row returns what sqlitestore would write of a person.
func (f *bareFile) row(r store.Record) ([]any, error) {
	record, err := r.MarshalBinary()
	if err != nil {
		return nil, err
	}
	p := r.Profile()
	row := make([]any, len(f.columns))
	for i, name := range f.columns {
		switch name {
		case "channel":
			row[i] = r.Key.Channel
		case "user_id":
			row[i] = r.Key.UserID
		case "search":
			row[i] = store.SearchText(p)
		case "record":
			row[i] = record
		case "first_seen", "last_seen":
			row[i] = r.LastSeen.Format(time.RFC3339)
		case "email_verified", "phone_number_verified", "is_premium":
			row[i] = p.Value(store.Field(name)) != ""
		default:
			if v := p.Value(store.Field(strings.Replace(name, "address_", "address.", 1))); v != "" {
				row[i] = v
			}
		}
	}
	return row, nil
}

// rows are row of so many people, from number on.
func (f *bareFile) rows(from, people int) ([][]any, error) {
	rows := make([][]any, people)
	for i := range rows {
		var err error
		if rows[i], err = f.row(personRecord(from+i, 0)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// write runs one prepared statement for each row, in one transaction.
func (f *bareFile) write(ctx context.Context, st *sql.Stmt, rows [][]any) error {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	in := tx.StmtContext(ctx, st)
	defer in.Close()
	for _, row := range rows {
		if _, err := in.ExecContext(ctx, row...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// newFullFile makes a file with so many people, for others to begin with. It syncs
// nothing until it is done, in transactions of 50,000.
func newFullFile(ctx context.Context, path string, people int) error {
	f, err := newBareFile(ctx, path)
	if err != nil {
		return err
	}
	fill := func() error {
		if _, err := f.db.ExecContext(ctx, "PRAGMA synchronous = off"); err != nil {
			return err
		}
		st, err := f.db.PrepareContext(ctx, f.insert())
		if err != nil {
			return err
		}
		defer st.Close()
		const step = 50_000
		for from := 0; from < people; from += step {
			rows, err := f.rows(from, min(step, people-from))
			if err != nil {
				return err
			}
			if err := f.write(ctx, st, rows); err != nil {
				return err
			}
		}
		return nil
	}
	err = errors.Join(fill(), f.db.Close())
	if err != nil {
		return fmt.Errorf("a file of %d people: %w", people, err)
	}
	return nil
}

// telegramID is the id of a person by their number. Like people's it is in no order.
func telegramID(n int) uint64 {
	const step = 2_654_435_761 // coprime to the span, so that no two are alike
	return 1_000_000_000 + uint64(n)*step%(math.MaxUint32+1)
}

// personRecord is somebody as Telegram tells of them, after so many changes.
func personRecord(n, version int) store.Record {
	return store.Patch{
		Key: store.Key{Channel: "telegram", UserID: fmt.Sprint(telegramID(n))}, At: noon.Add(time.Duration(version) * time.Second),
		Set: map[store.Field]string{
			store.FieldGivenName: fmt.Sprintf("Ann %04d", version), store.FieldFamilyName: "Schmidt",
			store.FieldUsername: fmt.Sprint("ann_", n), store.FieldLocale: "de", store.FieldIsPremium: "true",
		},
	}.Record()
}

// readAndWrite is write that reads what is kept of each person before.
func (f *bareFile) readAndWrite(ctx context.Context, st *sql.Stmt, rows [][]any) error {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	read, err := tx.PrepareContext(ctx, "SELECT record FROM profiles WHERE channel = ? AND user_id = ?")
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	defer read.Close()
	in := tx.StmtContext(ctx, st)
	defer in.Close()
	for _, row := range rows {
		var record []byte
		if err := read.QueryRowContext(ctx, row[0], row[1]).Scan(&record); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if _, err := in.ExecContext(ctx, row...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
