package export_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/export"
)

// FuzzCSV reads back what was written: by encoding/csv, and by a stricter reader
// that knows a formula when it sees one.
func FuzzCSV(f *testing.F) {
	for i, s := range hostile.Texts {
		f.Add(s, hostile.Texts[len(hostile.Texts)-1-i], uint8(i))
	}
	f.Fuzz(func(t *testing.T, a, b string, which uint8) {
		comma := ",;|\t"[which%4]
		texts := []string{a, b, "", b + a}
		var out bytes.Buffer
		o := export.CSVOptions{
			Columns: []store.Field{store.FieldName, store.FieldBio, store.FieldEmail, store.CustomKey("x")}[which/4%4:],
			Comma:   rune(comma), NoHeader: which >= 128,
		}
		p := store.Profile{Name: texts[0], Bio: texts[1], Email: texts[2], Custom: map[string]any{"x": texts[3]}}
		if n, err := export.CSV(&out, people(p, p), &o); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		want := 3
		if o.NoHeader {
			want--
		}
		if lines, err := hostile.CheckCSV(out.String(), comma, len(o.Columns)); err != nil || lines != want {
			t.Fatalf("%d lines, %v: %+q", lines, err, out.String())
		}
		rows := read(t, out.String(), rune(comma))
		if len(rows) != want {
			t.Fatalf("encoding/csv sees %d lines: %+q", len(rows), out.String())
		}
		for i, cell := range rows[want-1] {
			text := strings.ReplaceAll(texts[4-len(o.Columns)+i], "\r\n", "\n") // as encoding/csv does
			if cell != text && cell != "'"+text || export.Unescape(cell) != text {
				t.Errorf("%+q was read as %+q", text, cell)
			}
		}
	})
}

// FuzzJSON wants what encoding/json makes of the same profile, byte for byte.
func FuzzJSON(f *testing.F) {
	for i, s := range hostile.Texts {
		f.Add(s, hostile.Texts[len(hostile.Texts)-1-i], uint64(1)<<(i%40), int64(i)*1e17)
	}
	for _, s := range []string{"\u2028\u2029", "\x00\x1f\x7f\b\f", "\xff\ufffd\xe2\x80", `<&>"\'/`, "tail\xe2\x80"} {
		f.Add(s, "a"+s+"z", ^uint64(0), int64(1))
	}
	f.Add("", "", uint64(0), int64(0))
	f.Fuzz(func(t *testing.T, a, b string, known uint64, at int64) {
		p := store.Profile{Key: store.Key{Channel: a, UserID: b}}
		fill(&p, []string{a, b, a + b}, known)
		if known&(1<<40) != 0 {
			p.Nicks = map[string]string{a: b, b: a}
			p.Custom = map[string]any{a: b, b: float64(at), a + b: true}
			p.FirstSeen, p.LastSeen = time.Unix(at/1e9, at%1e9), time.Unix(at, 0).UTC()
		}
		wantJSON(t, p)
	})
}

// wantJSON wants JSON to write what encoding/json does, and to refuse what it refuses.
func wantJSON(t *testing.T, p store.Profile) {
	t.Helper()
	var want, got bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	wanted := e.Encode(p)
	_, err := export.JSON(&got, people(p))
	if (err == nil) != (wanted == nil) || got.String() != want.String() {
		t.Errorf("%+q, %v; encoding/json makes\n%+q, %v", got.String(), err, want.String(), wanted)
	}
}
