package main

import (
	"context"
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

func TestWhatIsNoEvent(t *testing.T) {
	for line, want := range map[string]string{
		`{"message":{}}`:                   `line 1: an update looks like {"update_id":1`,
		`{"update_id":1`:                   "line 1: unexpected end of JSON input",
		`{"update_id":1,"message":{"x":1`:  "line 1: unexpected end of JSON input",
		`{"update_id":1,"message":"text"}`: "line 1: telebot.v3 cannot decode this update",
	} {
		if _, err := explain(t, options{}, line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	if _, err := explain(t, options{db: filepath.Join(t.TempDir(), "none.db")}, update); err == nil {
		t.Error("a file that is not there was made, or passed over")
	}
}
