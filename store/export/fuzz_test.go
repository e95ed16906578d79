package export_test

import (
	"bytes"
	"strings"
	"testing"

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
