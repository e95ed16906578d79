package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

func temporary(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "users.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func person(n int) store.Record {
	return store.Patch{
		Key: store.Key{Channel: "telegram", UserID: fmt.Sprint(n)}, At: time.Unix(1_700_000_000, int64(n)),
		Set: map[store.Field]string{store.FieldGivenName: fmt.Sprint("Ann ", n), store.FieldBio: strings.Repeat("b", 500)},
	}.Record()
}

func people(from, to int) []store.Record {
	var deltas []store.Record
	for n := from; n < to; n++ {
		deltas = append(deltas, person(n))
	}
	return deltas
}

func count(t *testing.T, s *Store) int {
	t.Helper()
	n := 0
	for _, err := range s.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestOldSQLiteIsRefused(t *testing.T) {
	refused := 0
	for version, want := range map[string]bool{
		"3.51.2": false, "3.51": false, "3.9.99": false, "2.99.99": false, "": false, "x.y.z": false,
		"3.51.3": true, "3.51.10": true, "3.52.0": true, "3.100.0": true, "4.0.0": true,
	} {
		if recent(version) != want {
			t.Errorf("recent(%q) is %t", version, !want)
		}
		if !want {
			refused++
		}
	}
	t.Attr("figure", fmt.Sprintf("%d versions refused", refused))
}

func TestSettingsAreInForce(t *testing.T) {
	s := temporary(t)
	for query, want := range map[string]int64{
		"PRAGMA synchronous":        2,
		"PRAGMA secure_delete":      1,
		"PRAGMA wal_autocheckpoint": 8000,
		"PRAGMA journal_size_limit": 64 << 20,
		"PRAGMA temp_store":         2,
		"PRAGMA cache_size":         -16 << 10,
		"PRAGMA application_id":     applicationID,
		"PRAGMA user_version":       int64(len(migrations)),
	} {
		if got, err := s.writer.number(query); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", query, got, err, want)
		}
	}
	var mode string
	if err := s.readers.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal_mode %q, %v", mode, err)
	}
}

func TestMigrationKeepsData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	steps := slices.Clone(migrations)
	for i, step := range []string{
		"ALTER TABLE profiles ADD COLUMN pronouns TEXT",
		"CREATE INDEX by_username ON profiles (username)",
	} {
		s, err := open(path, steps)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Apply(t.Context(), people(i*10, i*10+10)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	s, err := open(path, steps)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, s); n != 20 {
		t.Errorf("%d people after the migrations; want 20", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("the older version opens the newer file: %v", err)
	}
}

func TestFailedMigrationChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	bad := append(slices.Clone(migrations), "CREATE TABLE half (a); SELECT no_such_column FROM profiles")
	if s, err := open(path, bad); err == nil {
		_ = s.Close()
		t.Fatal("a failing migration opens")
	}
	s, err := Open(path)
	if err != nil {
		t.Fatalf("after a failed migration: %v", err)
	}
	defer s.Close()
	if n, err := s.writer.number("SELECT count(*) FROM sqlite_schema WHERE name = 'half'"); err != nil || n != 0 {
		t.Errorf("half a migration stayed: %d, %v", n, err)
	}
}

func TestEveryFieldHasAColumn(t *testing.T) {
	s := temporary(t)
	set := make(map[store.Field]string)
	for _, f := range store.Fields() {
		set[f] = "v-" + string(f)
	}
	for _, f := range []store.Field{store.FieldEmailVerified, store.FieldPhoneVerified, store.FieldIsPremium} {
		set[f] = "true"
	}
	set[store.NickField("<7>")] = "ni&ck"
	set[store.CustomKey("tier")] = `"gold"`
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.FixedZone("", 3600))
	d := store.Patch{Key: person(1).Key, At: at, Set: set}.Record()
	if _, err := s.Apply(t.Context(), []store.Record{d}); err != nil {
		t.Fatal(err)
	}
	column := func(name string) (v any) {
		if err := s.readers.QueryRow("SELECT " + name + " FROM profiles").Scan(&v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}
	for _, f := range store.Fields() {
		want := any(set[f])
		if want == "true" {
			want = int64(1)
		}
		if got := column(strings.ReplaceAll(string(f), ".", "_")); got != want {
			t.Errorf("%s: %v", f, got)
		}
	}
	for name, want := range map[string]string{
		"nicks": `{"<7>":"ni&ck"}`, "custom": `{"tier":"gold"}`,
		"first_seen": "2026-03-01T11:00:00Z", "last_seen": "2026-03-01T11:00:00Z",
		"datetime(first_seen)": "2026-03-01 11:00:00",
		"search":               store.SearchText(d.Profile()),
	} {
		if got := column(name); got != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
}

// Only the columns that change are written, so that what is there must stay true
// to the record over any history.
func TestColumnsStayTrueToTheRecord(t *testing.T) {
	s := temporary(t)
	r := rand.New(rand.NewPCG(3, 4))
	fs := append(store.Fields(), store.NickField("1"), store.CustomKey("a"))
	for range 300 {
		p := store.Patch{
			Key: person(r.IntN(3)).Key, Source: store.Source(r.IntN(3)), At: time.Unix(1_700_000_000+r.Int64N(20), 0),
			Set: make(map[store.Field]string),
		}
		for range r.IntN(4) {
			f := fs[r.IntN(len(fs))]
			if r.IntN(3) == 0 {
				p.Clear = append(p.Clear, f)
				continue
			}
			p.Set[f] = []string{"true", `"x"`, "active"}[r.IntN(3)]
		}
		if _, err := s.Apply(t.Context(), []store.Record{p.Record()}); err != nil {
			t.Fatal(err)
		}
	}
	names := append(columns[:], "search")
	for n := range 3 {
		rec, err := s.Get(t.Context(), person(n).Key)
		if err != nil {
			t.Fatal(err)
		}
		p := rec.Profile()
		var want []any
		for _, c := range cells(&p) {
			want = append(want, c.value())
		}
		want = append(want, store.SearchText(p))
		for i, name := range names {
			var got any
			err := s.readers.QueryRow("SELECT "+name+" FROM profiles WHERE user_id = ?", rec.Key.UserID).Scan(&got)
			if err != nil {
				t.Fatal(err)
			}
			if got != want[i] {
				t.Errorf("person %d: %s is %v and the record says %v", n, name, got, want[i])
			}
		}
	}
}

// SQLite keeps NUL and bytes that are not UTF-8 as they are; what the middleware
// repairs must not be lost when something else writes it.
func TestUnrepairedTextsAreKept(t *testing.T) {
	s := temporary(t)
	texts := append(slices.Clone(hostile.Texts), "a\x00b", "\x00", "\xff\xfe", "\xed\xa0\x80")
	for n, text := range texts {
		set := map[store.Field]string{store.NickField("1"): text, store.NickField(text): "nick"}
		for _, f := range store.Fields() {
			set[f] = text
		}
		d := store.Patch{Key: person(n).Key, At: time.Unix(1_700_000_000, 0), Set: set}.Record()
		if _, err := s.Apply(t.Context(), []store.Record{d}); err != nil {
			t.Fatalf("%+q: %v", text, err)
		}
		if got, err := s.Get(t.Context(), d.Key); err != nil || !got.Equal(d) {
			t.Errorf("%+q comes back as another record: %v", text, err)
		}
	}
	if n := count(t, s); n != len(texts) {
		t.Errorf("%d people listed of %d", n, len(texts))
	}
}

func TestDiskFull(t *testing.T) {
	s := temporary(t)
	if _, err := s.Apply(t.Context(), people(0, 50)); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		pages, err := s.writer.number("PRAGMA page_count")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.writer.script(fmt.Sprintf("PRAGMA max_page_count = %d", pages+2)); err != nil {
			t.Fatal(err)
		}
		from := 50 + round*500
		_, err = s.Apply(t.Context(), people(from, from+500))
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("on a full disk: %v; want it to wrap ErrUnavailable", err)
		}
		if failure, ok := errors.AsType[*sqlite.Error](err); !ok || primary(failure) != 13 {
			t.Errorf("the driver's error is not SQLITE_FULL: %v", err)
		}
		if n := count(t, s); n != from {
			t.Errorf("%d people are read from a full disk; want %d", n, from)
		}
		if err := s.writer.script("PRAGMA max_page_count = 1000000"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Apply(t.Context(), people(from, from+500)); err != nil {
			t.Fatalf("when there is room again: %v", err)
		}
	}
	if n := count(t, s); n != 1550 {
		t.Errorf("%d people in the end; want 1550", n)
	}
}

func TestLockedFileIsUnavailableAndThenWorks(t *testing.T) {
	s := temporary(t)
	s.patience = 50 * time.Millisecond
	if _, err := s.Apply(t.Context(), people(0, 1)); err != nil {
		t.Fatal(err)
	}
	other, err := Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	locked, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- other.write(context.Background(), func(*conn) error {
			close(locked)
			<-release
			return nil
		})
	}()
	<-locked
	_, err = s.Apply(t.Context(), people(1, 2))
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while another connection writes: %v; want it to wrap ErrUnavailable", err)
	}
	if failure, ok := errors.AsType[*sqlite.Error](err); !ok || primary(failure) != 5 {
		t.Errorf("the driver's error is not SQLITE_BUSY: %v", err)
	}
	if _, err := s.Get(t.Context(), person(0).Key); err != nil {
		t.Errorf("reading beside a writer: %v", err)
	}
	// A context that ends is noticed long before patience does.
	s.patience = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.Apply(ctx, people(1, 2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), people(1, 2)); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

// A reader that stays keeps the log from being emptied.
func TestForgetBesideAReaderSaysSo(t *testing.T) {
	s := temporary(t)
	s.patience = 50 * time.Millisecond
	if _, err := s.Apply(t.Context(), people(0, 2)); err != nil {
		t.Fatal(err)
	}
	reader, err := s.readers.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"BEGIN DEFERRED", "SELECT * FROM profiles LIMIT 1"} {
		if _, err := reader.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Forget(t.Context(), person(1).Key, true); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Forget beside a reader: %v; want it to wrap ErrUnavailable", err)
	}
	if _, err := s.Get(t.Context(), person(1).Key); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("the person is not forgotten: %v", err)
	}
	silent := []store.Key{person(1).Key, person(0).Key}
	if expired, err := s.Expire(t.Context(), silent, time.Now()); !errors.Is(err, store.ErrUnavailable) || !slices.Equal(expired, []bool{false, true}) {
		t.Errorf("Expire beside a reader: %v, %v; want the second to be gone, and an error that wraps ErrUnavailable", expired, err)
	}
	if _, err := reader.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if expired, err := s.Expire(t.Context(), silent, time.Now()); err != nil || slices.Contains(expired, true) {
		t.Errorf("Expire again: %v, %v", expired, err)
	}
	if log, err := os.Stat(s.path + "-wal"); err != nil || log.Size() != 0 {
		t.Errorf("after Expire again the log is %v, %v; want it to be empty", log, err)
	}
	if err := s.Forget(t.Context(), person(1).Key, true); err != nil {
		t.Errorf("Forget again: %v", err)
	}
}

func TestDamagedRowIsCorruptAndNotInvalid(t *testing.T) {
	s := temporary(t)
	if _, err := s.Apply(t.Context(), people(0, 2)); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]string{
		"empty record":   "UPDATE profiles SET record = x'' WHERE user_id = '0'",
		"cut record":     "UPDATE profiles SET record = (SELECT substr(record, 1, 5) FROM profiles WHERE user_id = '1') WHERE user_id = '0'",
		"other's record": "UPDATE profiles SET record = (SELECT record FROM profiles WHERE user_id = '1') WHERE user_id = '0'",
	} {
		if err := s.writer.script(damage); err != nil {
			t.Fatal(err)
		}
		_, applied := s.Apply(t.Context(), people(0, 1))
		_, got := s.Get(t.Context(), person(0).Key)
		_, expired := s.Expire(t.Context(), []store.Key{person(0).Key}, time.Now())
		var listed error
		for _, listed = range s.List(t.Context(), store.Filter{}) {
		}
		for doing, err := range map[string]error{"Apply": applied, "Get": got, "List": listed, "Expire": expired} {
			if !errors.Is(err, ErrCorrupt) || errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s, %s: %v; want it to wrap ErrCorrupt alone", name, doing, err)
			}
		}
	}
}

// People change in more ways than statements are kept for.
func TestManyShapesOfStatements(t *testing.T) {
	s := temporary(t)
	fs := slices.DeleteFunc(store.Fields(), func(f store.Field) bool {
		return f == store.FieldStatus || f == store.FieldName || strings.HasSuffix(string(f), "_verified") || f == store.FieldIsPremium
	})
	want := store.Record{}
	for n := range maxPrepared + 10 {
		set := make(map[store.Field]string)
		for bit, f := range fs[:10] {
			if n&(1<<bit) != 0 {
				set[f] = fmt.Sprint(n)
			}
		}
		d := store.Patch{Key: person(1).Key, At: time.Unix(1_700_000_000+int64(n), 0), Set: set}.Record()
		want = store.Merge(want, d)
		if _, err := s.Apply(t.Context(), []store.Record{d}); err != nil {
			t.Fatal(err)
		}
		if len(s.writer.stmts) > maxPrepared || len(s.rows.statements) > maxShapes {
			t.Fatalf("%d statements are kept", len(s.writer.stmts))
		}
	}
	if got, err := s.Get(t.Context(), want.Key); err != nil || !got.Equal(want) {
		t.Errorf("%v, %v", got, err)
	}
}

// Closing any descriptor of a file drops all POSIX locks that the process has on
// it, so no Store may have the file open while another Open makes and closes it.
func TestOpenWaitsWhileAnotherMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	creating.Lock()
	opened := make(chan error, 1)
	go func() {
		s, err := Open(path)
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Errorf("Open went on while another Open made a file: %v", err)
		opened <- nil
	case <-time.After(100 * time.Millisecond): // an Open takes a few
	}
	creating.Unlock()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
