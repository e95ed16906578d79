package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/export"
)

// full has a value in every field.
func full() store.Profile {
	p := store.Profile{
		Key:    store.Key{Channel: "telegram", UserID: "42"},
		Nicks:  map[string]string{"b": "Annie", "a": "<Ann>"},
		Custom: map[string]any{"tier": "gold", "balance": -5.5, "vip": true},

		FirstSeen: time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600)),
		LastSeen:  time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
	}
	fill(&p, nil, ^uint64(0))
	return p
}

// fill sets the texts and flags of p whose bits are in known: to the texts in turn, or
// to their own names.
func fill(p *store.Profile, texts []string, known uint64) {
	n := 0
	for v := reflect.ValueOf(p).Elem(); ; v = v.FieldByName("Address") {
		for i := range v.NumField() {
			f := v.Field(i)
			if f.Kind() != reflect.String && f.Kind() != reflect.Bool {
				continue
			}
			on := known&(1<<n) != 0
			switch {
			case !on:
			case f.Kind() == reflect.Bool:
				f.SetBool(true)
			case len(texts) > 0:
				f.SetString(texts[n%len(texts)])
			default:
				f.SetString(v.Type().Field(i).Name + " of Ann")
			}
			n++
		}
		if v.Type() == reflect.TypeFor[store.Address]() {
			return
		}
	}
}

func people(ps ...store.Profile) iter.Seq2[store.Profile, error] {
	return func(yield func(store.Profile, error) bool) {
		for _, p := range ps {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func TestCSVHasEveryFieldInItsOwnColumn(t *testing.T) {
	t.Parallel()
	p := full()
	var b bytes.Buffer
	n, err := export.CSV(&b, people(p, store.Profile{Key: p.Key}), nil)
	if n != 2 || err != nil {
		t.Fatal(n, err)
	}
	rows := read(t, b.String(), ',')
	want := map[string]string{
		"channel": "telegram", "user_id": "42",
		"nicks": `{"a":"<Ann>","b":"Annie"}`, "custom": `{"balance":-5.5,"tier":"gold","vip":true}`,
		"first_seen": "2026-03-01T11:00:00Z", "last_seen": "2026-03-02T12:00:00Z",
	}
	for _, f := range store.Fields() {
		want[string(f)] = p.Value(f)
	}
	if len(rows) != 3 || len(rows[0]) != len(want) {
		t.Fatalf("%d lines of %d cells, want 3 of %d", len(rows), len(rows[0]), len(want))
	}
	for i, name := range rows[0] {
		if rows[1][i] != want[name] || want[name] == "" {
			t.Errorf("%s is %q, want %q", name, rows[1][i], want[name])
		}
		if key := name == "channel" || name == "user_id"; !key && rows[2][i] != "" {
			t.Errorf("%s of somebody of whom nothing is known is %q", name, rows[2][i])
		}
	}
	if !slices.IsSortedFunc(rows[0], func(a, b string) int { return place(a) - place(b) }) {
		t.Errorf("the columns are not in the order of the JSON: %v", rows[0])
	}
}

// place is where the JSON of a full profile has this key.
func place(name string) int {
	text, _ := json.Marshal(full())
	return strings.Index(string(text), `"`+strings.TrimPrefix(name, "address.")+`":`)
}

func TestCSVHasTheColumnsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	p := full()
	p.Custom["since"] = p.FirstSeen
	var b bytes.Buffer
	_, err := export.CSV(&b, people(p, store.Profile{}), &export.CSVOptions{
		Columns: []store.Field{
			store.CustomKey("vip"), export.ChannelUserID, store.NickField("b"), store.FieldStatus,
			store.CustomKey("tier"), store.CustomKey("balance"), store.CustomKey("since"), store.NickField("none"),
		},
		NoHeader: true, Comma: ';',
	})
	want := "true;telegram:42;Annie;Status of Ann;gold;-5.5;2026-03-01T12:00:00+01:00;\n;:;;;;;;\n"
	if err != nil || b.String() != want {
		t.Errorf("%q, %v\nwant %q", b.String(), err, want)
	}
}

// Each field by itself, and all of them: a separator too many or a brace too few shows.
func TestJSONIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	for n := range len(store.Fields()) {
		for _, known := range []uint64{1 << n, ^uint64(0) >> n, ^(uint64(1) << n)} {
			p := store.Profile{Key: store.Key{Channel: "telegram", UserID: "42"}}
			fill(&p, nil, known)
			wantJSON(t, p)
			p.FirstSeen, p.Nicks = full().FirstSeen, full().Nicks
			wantJSON(t, p)
		}
	}
	for _, s := range hostile.Texts {
		p := full()
		fill(&p, []string{s}, ^uint64(0))
		wantJSON(t, p)
	}
	late := full()
	late.LastSeen = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	wantJSON(t, late)
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]export.CSVOptions{
		"an unknown column":    {Columns: []store.Field{"surname"}},
		"a bad custom key":     {Columns: []store.Field{"custom.a b"}},
		"a column twice":       {Columns: []store.Field{export.UserID, export.UserID}},
		"no columns":           {Columns: []store.Field{}},
		"a comma that quotes":  {Comma: '"'},
		"a comma of two bytes": {Comma: '；'},
		"a comma that is none": {Comma: '='},
	} {
		var b bytes.Buffer
		n, err := export.CSV(&b, people(full()), &o)
		if n != 0 || b.Len() != 0 || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %d people, %d bytes, %v", name, n, b.Len(), err)
		}
	}
}

// A reader skips an empty line, and Postgres' COPY ends at a line with \. alone.
func TestOneCellIsALine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	_, err := export.CSV(&b, people(store.Profile{}, full(), store.Profile{Bio: `\.`}), &export.CSVOptions{Columns: []store.Field{store.FieldBio}})
	if want := "bio\n\"\"\nBio of Ann\n\"\\.\"\n"; err != nil || b.String() != want {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestWhatWouldBeAFormulaIsText(t *testing.T) {
	t.Parallel()
	formulas := []string{
		"=1+1", "+14155552671", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠A1", "\t=1", "\r=1", "\n=1", "\tAnn", "\rAnn", "\nAnn", "\r\nAnn",
		" =1", "\u00a0=1", "\u3000＝1", " \t=1", "'=1", "''=1", "' =1", "=", "-",
		"\ufeff=1", " \ufeff＝1",
	}
	honest := []string{"", " ", "'", "''", "'Ann", "' Ann", "Ann", "a=1", "1-1", "O'=x", "1+1", "Ann\n=1", "Ann\r\n=1", "\u00a0", "\ufeff", "\ufeffAnn", "«=»", `\.`, "\xff=1"}
	for _, comma := range ",;|\t" {
		for i, s := range slices.Concat(formulas, honest) {
			var b bytes.Buffer
			p := store.Profile{Name: s, Bio: s, Custom: map[string]any{"x": s, "n": -1.5}}
			o := export.CSVOptions{Columns: []store.Field{store.FieldName, store.FieldBio, store.CustomKey("x"), store.CustomKey("n")}, Comma: comma}
			if _, err := export.CSV(&b, people(p), &o); err != nil {
				t.Fatal(err)
			}
			if _, err := hostile.CheckCSV(b.String(), byte(comma), 4); err != nil {
				t.Errorf("%+q with %q: %v", s, comma, err)
			}
			row := read(t, b.String(), comma)[1]
			want := s
			if i < len(formulas) {
				want = "'" + s
			}
			want = strings.ReplaceAll(want, "\r\n", "\n") // which is encoding/csv's doing
			if row[0] != want || row[1] != want || row[2] != want || row[3] != "-1.5" {
				t.Errorf("%+q with %q became %+q", s, comma, row)
			}
		}
	}
	t.Attr("figure", fmt.Sprintf("%d formulas, %d honest texts", len(formulas), len(honest)))
}

// The expression of the package comment, where \s is any space.
var ours = regexp.MustCompile(`^'['\s\v\x{85}\x{2028}\x{2029}\x{FEFF}\p{Zs}]*[=+\-@\t\r\n＝＋－＠]`)

func TestUnescapeIsTheExpressionOfThePackageComment(t *testing.T) {
	t.Parallel()
	for _, s := range slices.Concat(hostile.Texts, []string{"", "'", "''=", "'=", "' \v=1", "'\ufeff=", "'\ufeffa", "'\u2028＠", "'a=", "=", "'\u0085-"}) {
		for _, cell := range []string{s, "'" + s, "' " + s} {
			want := cell
			if ours.MatchString(cell) {
				want = cell[1:]
			}
			if got := export.Unescape(cell); got != want {
				t.Errorf("%+q becomes %+q, want %+q", cell, got, want)
			}
		}
	}
}

// TestHostileTexts writes what people call themselves before any of it was
// repaired.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	texts := slices.Concat(hostile.Texts, []string{`"`, `""`, "a\"b", ",", ";", "a,b;c|d\te", "a\r\nb", "a\rb\nc", "line\n\n"})
	var all []store.Profile
	for i, s := range texts {
		next := texts[(i+1)%len(texts)]
		all = append(all, store.Profile{
			Key: store.Key{Channel: "telegram", UserID: s}, Name: s, Username: next, PhoneNumber: s, Bio: next,
			Nicks: map[string]string{s: s}, Custom: map[string]any{"x": s},
		})
	}
	for _, comma := range ",;|\t" {
		var b bytes.Buffer
		n, err := export.CSV(&b, people(all...), &export.CSVOptions{Comma: comma})
		if n != len(all) || err != nil {
			t.Fatal(n, err)
		}
		if lines, err := hostile.CheckCSV(b.String(), byte(comma), len(export.Columns())); err != nil || lines != len(all)+1 {
			t.Errorf("%d lines for %d people and the header: %v", lines, len(all), err)
		}
		rows := read(t, b.String(), comma)
		name := slices.Index(rows[0], "name")
		for i, row := range rows[1:] {
			if want := strings.ReplaceAll(texts[i], "\r\n", "\n"); export.Unescape(row[name]) != want {
				t.Errorf("%+q was read as %+q", want, row[name])
			}
		}
	}
	var b bytes.Buffer
	n, err := export.JSON(&b, people(all...))
	if lines := strings.Split(b.String(), "\n"); err != nil || n != len(all) || len(lines) != n+1 {
		t.Errorf("JSON: %d people in %d lines, %v", n, len(lines), err)
	}
	t.Attr("figure", fmt.Sprintf("%d texts", len(texts)))
}

func TestJSONIsReadBackIntoTheSameProfiles(t *testing.T) {
	t.Parallel()
	var want []store.Profile
	want = append(want, full(), store.Profile{Key: store.Key{Channel: "telegram", UserID: "43"}})
	for _, s := range hostile.Honest {
		want = append(want, store.Profile{Name: s, Nicks: map[string]string{s: s}, Custom: map[string]any{"x": s, "n": 1e-9, "b": false}})
	}
	var b bytes.Buffer
	n, err := export.JSON(&b, people(want...))
	if n != len(want) || err != nil {
		t.Fatal(n, err)
	}
	lines := slices.Collect(strings.Lines(b.String()))
	if len(lines) != len(want) {
		t.Fatalf("%d lines for %d people", len(lines), len(want))
	}
	for i, line := range lines {
		var got store.Profile
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if w := want[i]; !got.FirstSeen.Equal(w.FirstSeen) || !maps.Equal(got.Custom, w.Custom) || !maps.Equal(got.Nicks, w.Nicks) ||
			got.Name != w.Name || got.Address != w.Address || got.Key != w.Key {
			t.Errorf("%s", line)
		}
	}
	if !strings.Contains(b.String(), "<script>") {
		t.Error("what people wrote is not to be seen in the file")
	}
}

var errBroken = errors.New("broken")

func TestAnErrorOfThePeopleEndsWithAWholeLine(t *testing.T) {
	t.Parallel()
	broken := func(yield func(store.Profile, error) bool) {
		for p, err := range people(full(), full()) {
			yield(p, err)
		}
		if yield(store.Profile{}, errBroken) {
			t.Error("it goes on")
		}
	}
	for name, write := range writers {
		var b bytes.Buffer
		n, err := write(&b, broken)
		if n != 2 || !errors.Is(err, errBroken) {
			t.Errorf("%s: %d people, %v", name, n, err)
		}
		if !strings.HasSuffix(b.String(), "\n") || strings.Count(b.String(), "Name of Ann") == 0 {
			t.Errorf("%s: what came before is not in the file: %q", name, b.String())
		}
	}
}

func TestAnErrorOfTheWriterEndsTheListing(t *testing.T) {
	t.Parallel()
	for name, write := range writers {
		for _, room := range []int{0, 1, 100_000} {
			read := 0
			endless := func(yield func(store.Profile, error) bool) {
				for read < 1_000_000 && yield(full(), nil) {
					read++
				}
			}
			n, err := write(&limited{room: room}, endless)
			if !errors.Is(err, errBroken) || read > 1000 || n != read {
				t.Errorf("%s with room for %d bytes: %d people, of %d that were read, %v", name, room, n, read, err)
			}
		}
	}
}

func TestACustomValueThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	bad := full()
	bad.Custom = map[string]any{"x": func() {}}
	for name, write := range writers {
		var b bytes.Buffer
		n, err := write(&b, people(full(), bad, full()))
		if n != 1 || err == nil || strings.Count(b.String(), "Nickname of Ann") != 1 || !strings.HasSuffix(b.String(), "\n") {
			t.Errorf("%s: %d people, %v, %q", name, n, err, b.String())
		}
	}
	_, err := export.CSV(io.Discard, people(bad), &export.CSVOptions{Columns: []store.Field{store.CustomKey("x")}})
	if err == nil {
		t.Error("no error for its own column")
	}
}

var writers = map[string]func(w io.Writer, people iter.Seq2[store.Profile, error]) (int, error){
	"CSV": func(w io.Writer, people iter.Seq2[store.Profile, error]) (int, error) {
		return export.CSV(w, people, &export.CSVOptions{NoHeader: true})
	},
	"JSON": export.JSON,
}

// A limited writer has room for so many bytes.
type limited struct{ room int }

func (l *limited) Write(b []byte) (int, error) {
	if l.room -= len(b); l.room < 0 {
		return 0, errBroken
	}
	return len(b), nil
}

func read(t *testing.T, text string, comma rune) [][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = comma
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%v in %+.200q", err, text)
	}
	return rows
}
