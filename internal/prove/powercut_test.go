package prove_test

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rollcall-go/rollcall/internal/prove/disk"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// A powerReport counts what power cuts did.
type powerReport struct {
	cuts    int
	hit     int            // cuts with a loss or damage
	lost    map[string]int // what is lacking, and of how many people
	corrupt int            // files that cannot be opened, or fail the integrity check
	first   string
}

func (r *powerReport) lose(what string, people int) {
	if r.lost == nil {
		r.lost = make(map[string]int)
	}
	r.lost[what] += people
}

func (r *powerReport) people() (n int) {
	for people := range maps.Values(r.lost) {
		n += people
	}
	return n
}

// checkpointBytes is how long the log grows before SQLite copies it into the file.
const checkpointBytes = 8000 * 4096

// The power fails at a random write under full load, and each sector that was not
// synced is there or not. On a disk that says that it synced and did not, the same
// test must find losses.
func TestPowerCutLosesNothingDurable(t *testing.T) {
	t.Attr("promise", "nothing durable is lost by a power cut")
	const lie = 3000 // writes, more than a transaction has
	rounds, positions, perSession := size(1, 2, 20), size(3, 10, 10), size(600, 5000, 5000)
	var honest, lying powerReport
	acked, longest := 0, int64(0)
	for round := range rounds {
		l := newPowerLoad(t)
		l.session(perSession)
		l.session(3 * perSession)
		if t.Failed() {
			return
		}
		acked += l.told()
		longest = max(longest, l.longest)
		cutPower(t, l, uint64(round), positions, 0, []float64{0, 0.5, 1}, &honest)
		cutPower(t, l, uint64(round), positions, lie, []float64{0, 0.5}, &lying)
	}
	t.Attr("figure", fmt.Sprintf("%d cuts, %d acknowledged, %d lost, %d corrupt; the lying disk lost in %d of %d",
		honest.cuts, acked, honest.people(), honest.corrupt, lying.hit, lying.cuts))
	if honest.hit > 0 {
		t.Errorf("of %d power cuts %d lost something: lost %v, corrupt files: %d; first: %s", honest.cuts, honest.hit, honest.lost, honest.corrupt, honest.first)
	}
	if lying.hit < lying.cuts/2 {
		t.Errorf("the test is blind: a disk that ignores syncs lost something in only %d of %d power cuts", lying.hit, lying.cuts)
	}
	if perSession >= 5000 && longest < checkpointBytes {
		t.Errorf("the test is blind: the log had at most %d bytes, and SQLite never copied it into the file by itself", longest)
	}
	t.Logf("lying disk: lost %v, corrupt files: %d", lying.lost, lying.corrupt)
}

// cutPower looks at what the disk holds after power cuts at random positions, one in
// ten of them while the file is made. Before anything was acknowledged a disk that lies
// has nothing to lose.
func cutPower(t *testing.T, l *powerLoad, seed uint64, cuts, cache int, keeps []float64, report *powerReport) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 7))
	r := l.acks.disk.Replay(cache)
	first := l.acks.applied[0].from
	positions := make([]int, cuts)
	for i := range positions {
		positions[i] = first + rnd.IntN(r.Len()-first+1)
		if i%10 == 0 && cache == 0 {
			positions[i] = rnd.IntN(first + 1)
		}
	}
	slices.Sort(positions)
	for i, at := range positions {
		if err := r.To(at); err != nil {
			t.Fatal(err)
		}
		promised := l.acks.promised(at)
		for _, keep := range keeps {
			dir := t.TempDir()
			err := r.Image(dir, disk.Damage{Keep: keep, Sector: []int64{512, 4096}[i%2], Random: rnd})
			if err != nil {
				t.Fatal(err)
			}
			before := report.people() + report.corrupt
			report.cuts++
			if err := examine(t, filepath.Join(dir, "users.db"), promised, report); err != nil {
				report.corrupt++
				if report.first == "" {
					report.first = err.Error()
				}
			}
			if report.people()+report.corrupt > before {
				report.hit++
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// examine opens what is left as a bot does, and counts which promises are broken.
func examine(t *testing.T, path string, promised map[store.Key]*promise, report *powerReport) (err error) {
	t.Helper()
	st, err := sqlitestore.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := integrity(path); err != nil {
		return err
	}
	kept := make(map[store.Key]store.Dossier)
	for d, err := range st.Dossiers(t.Context(), store.Key{}) {
		if err != nil {
			return err
		}
		kept[d.Key] = d
	}
	for key, p := range promised {
		if lack := p.broken(kept[key], crmBackends); lack != "" {
			report.lose(lack, 1)
		}
	}
	return nil
}

// integrity lets SQLite check the whole file.
func integrity(path string) (err error) {
	db, err := openPlain(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New("integrity_check: " + verdict)
	}
	return nil
}

// openPlain opens a file past sqlitestore, whose driver it uses.
func openPlain(path string) (*sql.DB, error) { return sql.Open("sqlite", path) }
