package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

const (
	update = `{"update_id":1,"message":{"message_id":1,"date":1767225600,"text":"hi",` +
		`"chat":{"id":42,"type":"private"},"from":{"id":42,"first_name":"Ann","username":"ann_l"}}}`
	event = `{"t":"MESSAGE_CREATE","d":{"id":"1455977472000000000","channel_id":"7","content":"hi",` +
		`"author":{"id":"80351110224678912","username":"nelly","global_name":"Nelly"}}}`
)

func explain(t *testing.T, o options, lines ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), o, strings.NewReader(strings.Join(lines, "\n")), &out)
	return out.String(), err
}

func TestBothPlatforms(t *testing.T) {
	got, err := explain(t, options{}, update, "", event)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"message of telegram:42, 2026-01-01 00:00:00: created\n",
		"  given_name: 3 characters, changes (was none)\n",
		"  monosay is sent ",
		"MESSAGE_CREATE of discord:80351110224678912, ",
		"  name: 5 characters, changes (was none)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, value := range []string{"Ann", "ann_l", "elly"} {
		if strings.Contains(got, value) {
			t.Errorf("the value %q is shown in\n%s", value, got)
		}
	}
}

func TestAnEventOfNobodyIsNotPassedOverInSilence(t *testing.T) {
	typing := `{"t":"TYPING_START","d":{"guild_id":"7","user_id":"80351110224678912","member":{"user":{"id":"80351110224678912","username":"nelly"}}}}`
	got, err := explain(t, options{}, typing)
	if err != nil || !strings.HasPrefix(got, "nobody: ") {
		t.Errorf("%v, said %q", err, got)
	}
	if got, err = explain(t, options{everyone: true}, typing); err != nil || !strings.HasPrefix(got, "TYPING_START of discord:80351110224678912") {
		t.Errorf("everyone: %v, said %q", err, got)
	}
}

func TestSomebodyWhoIsKept(t *testing.T) {
	db := filepath.Join(t.TempDir(), "users.db")
	st, err := sqlitestore.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	mw, err := middleware.New(st, nil)
	if err != nil {
		t.Fatal(err)
	}
	ann := store.Key{Channel: "telegram", UserID: "42"}
	seen := middleware.Sender{Channel: "telegram", UserID: "42", At: time.Unix(1767225600, 0)}
	seen.Set(store.FieldGivenName, "Ann")
	mw.Observe(&seen)
	if err := mw.Set(t.Context(), ann, store.Pinned, store.Profile{Username: "boss"}); err != nil {
		t.Fatal(err)
	}
	if err := mw.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := explain(t, options{db: db}, update)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2026-01-01 00:00:00: unchanged\n",
		"  given_name: 3 characters, is the same\n",
		"  username: 5 characters, is hidden by what people decided\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

// What is opened in the ordinary way is brought up to date.
func TestTheFileStaysAsItIs(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	empty, old := filepath.Join(folder, "empty.db"), filepath.Join(folder, "old.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := sqlitestore.Open(old)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close() // it is in use
	key := store.Key{Channel: "telegram", UserID: "42"}
	if _, err := st.Apply(t.Context(), []store.Record{store.NewRecord(key, time.Unix(1, 0), time.Unix(1, 0), nil)}); err != nil {
		t.Fatal(err)
	}
	backup, closed := filepath.Join(folder, "backup.db"), filepath.Join(folder, "closed.db")
	if err := st.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if err := st.Backup(t.Context(), closed); err != nil {
		t.Fatal(err)
	}
	last, err := sqlitestore.Open(closed)
	if err != nil {
		t.Fatal(err)
	}
	if err := last.Close(); err != nil {
		t.Fatal(err)
	}
	before := contents(t, folder)
	for db, want := range map[string]string{empty: ": created\n", old: ": updated\n", backup: ": updated\n", closed: ": updated\n"} {
		if got, err := explain(t, options{db: db}, update); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want %q in\n%s", filepath.Base(db), err, want, got)
		}
	}
	if after := contents(t, folder); !maps.Equal(before, after) {
		t.Errorf("before were\n%v\nand then\n%v", sizes(before), sizes(after))
	}
	if left := contents(t, os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", sizes(left))
	}
}

// contents is what the files of a folder hold. SQLite notes readers in the -shm.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		text, err := os.ReadFile(path)
		files[filepath.Base(path)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sizes(files map[string]string) map[string]int {
	all := make(map[string]int)
	for name, text := range files {
		all[name] = len(text)
	}
	return all
}

func TestWhatIsNoEvent(t *testing.T) {
	for line, want := range map[string]string{
		`{"message":{}}`:                   `line 1: an update looks like {"update_id":1`,
		`{"update_id":1`:                   "line 1: unexpected end of JSON input",
		`{"update_id":1,"message":{"x":1`:  "line 1: unexpected end of JSON input",
		`{"update_id":1,"message":"text"}`: "line 1: telebot.v3 cannot decode this update",
		`[{"update_id":1}]`:                `line 1: an update looks like {"update_id":1`,
		`{"t":7,"d":{}}`:                   `line 1: an update looks like {"update_id":1`,
		"\n" + strings.Repeat("x", 17<<20): "line 2 is longer than 16 MiB",
	} {
		if _, err := explain(t, options{}, line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50s: %v, want %q", line, err, want)
		}
	}
	if _, err := explain(t, options{db: filepath.Join(t.TempDir(), "none.db")}, update); err == nil {
		t.Error("a file that is not there was made, or passed over")
	}
}

// As Windows writes files.
func TestAByteOrderMarkIsNoPartOfTheFirstLine(t *testing.T) {
	if got, err := explain(t, options{}, "\ufeff"+update+"\r", event+"\r"); err != nil || strings.Count(got, ": created\n") != 2 {
		t.Errorf("%v, said\n%s", err, got)
	}
}

func TestWhatCannotBePrintedIsAnError(t *testing.T) {
	full, said := io.Pipe()
	_ = full.Close()
	if err := run(t.Context(), options{}, strings.NewReader(update), said); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("run = %v, want %v", err, io.ErrClosedPipe)
	}
}
