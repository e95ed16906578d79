package disk_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"modernc.org/sqlite"

	"github.com/rollcall-go/rollcall/internal/prove/disk"
)

func attach(t *testing.T) (*disk.Disk, string) {
	t.Helper()
	dir := t.TempDir()
	d, err := disk.Attach(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Detach(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

// open returns a connection to the file, which has one table.
func open(t *testing.T, path string, pragmas ...string) *sql.DB {
	t.Helper()
	connector, err := sqlite.NewConnector("file:" + path + "?" + url.Values{"_pragma": pragmas}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db
}

// insert commits rows one by one, and returns the position at which each was
// acknowledged.
func insert(t *testing.T, d *disk.Disk, db *sql.DB, rows int) (acked []int) {
	t.Helper()
	if _, err := db.Exec("CREATE TABLE rows (n INTEGER PRIMARY KEY, body TEXT)"); err != nil {
		t.Fatal(err)
	}
	for n := range rows {
		if _, err := db.Exec("INSERT INTO rows VALUES (?, ?)", n, strings.Repeat("b", 700)); err != nil {
			t.Fatal(err)
		}
		acked = append(acked, d.Now())
	}
	return acked
}

// A tally is what became of the cuts of one run.
type tally struct{ cuts, lost, corrupt int }

// cut lets the power fail, and counts.
func cut(t *testing.T, d *disk.Disk, cache int, acked []int, cuts int) (all tally) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	r := d.Replay(cache)
	positions := make([]int, cuts)
	for i := range positions {
		positions[i] = acked[0] + rnd.IntN(r.Len()-acked[0]+1)
	}
	slices.Sort(positions)
	for _, p := range positions {
		if err := r.To(p); err != nil {
			t.Fatal(err)
		}
		want, _ := slices.BinarySearch(acked, p+1)
		for i, keep := range []float64{0, 0.5, 1} {
			dir := t.TempDir()
			if err := r.Image(dir, disk.Damage{Keep: keep, Sector: []int64{512, 4096}[i%2], Random: rnd}); err != nil {
				t.Fatal(err)
			}
			db := open(t, filepath.Join(dir, "test.db"))
			var verdict string
			var rows int
			err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict)
			if err == nil && verdict == "ok" {
				err = db.QueryRow("SELECT count(*) FROM rows WHERE n < ?", want).Scan(&rows)
			}
			all.cuts++
			switch {
			case err != nil && !strings.Contains(err.Error(), "no such table"), err == nil && verdict != "ok":
				all.corrupt++
			case rows < want:
				all.lost++
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// What SQLite's documentation says of each setting comes out, so the disk is neither
// too kind nor too cruel.
func TestPowerCutsTellSettingsApart(t *testing.T) {
	const positions = 10
	var figures []string
	for _, c := range []struct {
		journal, synchronous string
		cache                int
		lost, corrupt        bool
	}{
		{"wal", "full", 0, false, false},
		{"wal", "normal", 0, true, false},
		{"wal", "full", 40, true, true},
		{"delete", "extra", 0, false, false},
		{"delete", "full", 0, true, false}, // the journal may be back: its removal is not synced
		{"delete", "off", 0, true, true},
	} {
		name := c.journal + " " + c.synchronous
		if c.cache > 0 {
			name += " on a disk that lies"
		}
		t.Run(name, func(t *testing.T) {
			d, dir := attach(t)
			db := open(t, filepath.Join(dir, "test.db"), "journal_mode("+c.journal+")", "synchronous("+c.synchronous+")", "wal_autocheckpoint(30)")
			acked := insert(t, d, db, 120)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			all := cut(t, d, c.cache, acked, positions)
			figures = append(figures, fmt.Sprintf("%s %d", name, all.lost+all.corrupt))
			if (all.lost+all.corrupt > 0) != (c.lost || c.corrupt) || all.corrupt > 0 && !c.corrupt {
				t.Errorf("%+v; want losses: %v, damage: %v", all, c.lost, c.corrupt)
			}
		})
	}
	t.Attr("figure", fmt.Sprintf("of %d cuts each lost: %s", 3*positions, strings.Join(figures, ", ")))
}
