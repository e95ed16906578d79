package export

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// CSVOptions are the settings of [CSV]. The zero value and nil are ready to use.
type CSVOptions struct {
	// Columns are what to write of each person, and in which order: the columns
	// of this package, and any [store.Field], one guild's nick
	// (store.NickField) and one custom field (store.CustomKey) among them. nil:
	// all that [Columns] returns.
	Columns []store.Field
	// NoHeader leaves out the first line, which names the columns: for a file
	// that is continued.
	NoHeader bool
	// Comma stands between cells: ',', ';', '|' or a TAB. 0: ','.
	Comma rune
}

// CSV writes people to w, one line each, and returns how many. o may be nil.
//
// Cells are text as it is, flags "true", and times RFC 3339 in UTC; what is not
// known is an empty cell. Nicks and Custom are JSON objects, and a column of one
// custom field holds its string, number or boolean. The package comment says what
// stands before a text that a spreadsheet would take for a formula. Lines end with
// "\n". A cell that holds a separator, a quotation mark or a line break stands in
// quotation marks, as RFC 4180 says, with the line break inside.
//
// An error of people ends the file behind the last whole line, and is wrapped. So is
// an error of w, after which the last 64 KiB, of people who are counted, may not
// have been written; and that of a Custom value that encoding/json cannot write,
// which no store holds. The error wraps store.ErrInvalid, and nothing is written,
// if an option cannot be.
func CSV(w io.Writer, people iter.Seq2[store.Profile, error], o *CSVOptions) (n int, err error) {
	if o == nil {
		o = &CSVOptions{}
	}
	e, err := newEncoder(w, o)
	if err != nil {
		return 0, fmt.Errorf("export: csv: %w", err)
	}
	if !o.NoHeader {
		if err := e.header(); err != nil {
			return 0, fmt.Errorf("export: csv: %w", err)
		}
	}
	n, err = each(people, e.out, e.line)
	if err != nil {
		return n, fmt.Errorf("export: csv: after %d people: %w", n, err)
	}
	return n, nil
}

// bufferSize is how much is written to w at once.
const bufferSize = 64 << 10

// each calls line for every person, and flushes out at the end, whatever ends it.
func each(people iter.Seq2[store.Profile, error], out *bufio.Writer, line func(p *store.Profile) error) (n int, err error) {
	var person store.Profile // one for all, which line may let escape
	for p, err := range people {
		if err != nil {
			_ = out.Flush() // the first error is the one to tell
			return n, err
		}
		person = p
		if err := line(&person); err != nil {
			_ = out.Flush()
			return n, err
		}
		n++
	}
	return n, out.Flush()
}

// An encoder writes lines of CSV.
type encoder struct {
	out     *bufio.Writer
	comma   byte
	columns []column
	buf     []byte // of the line
}

const separators = ",;|\t"

func newEncoder(w io.Writer, o *CSVOptions) (*encoder, error) {
	e := &encoder{out: bufio.NewWriterSize(w, bufferSize), comma: ','}
	if o.Comma != 0 {
		if !strings.ContainsRune(separators, o.Comma) {
			return nil, fmt.Errorf("CSVOptions.Comma is none of ',', ';', '|' and TAB: %w", store.ErrInvalid)
		}
		e.comma = byte(o.Comma)
	}
	names := o.Columns
	if names == nil {
		names = Columns()
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("CSVOptions.Columns has none: %w", store.ErrInvalid)
	}
	for i, name := range names {
		c, ok := columnOf(name)
		if !ok || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("CSVOptions.Columns: %q is no column, or there twice: %w", name, store.ErrInvalid)
		}
		e.columns = append(e.columns, c)
	}
	return e, nil
}

func (e *encoder) header() error {
	e.buf = e.buf[:0]
	for i := range e.columns {
		e.add(i, string(e.columns[i].name))
	}
	return e.end()
}

func (e *encoder) line(p *store.Profile) error {
	e.buf = e.buf[:0]
	for i := range e.columns {
		text, err := e.columns[i].cell(p)
		if err != nil {
			return err
		}
		e.add(i, text)
	}
	return e.end()
}

func (e *encoder) add(i int, text string) {
	if i > 0 {
		e.buf = append(e.buf, e.comma)
	}
	if text != "" {
		e.buf = appendCell(e.buf, text)
	}
}

func (e *encoder) end() error {
	if len(e.buf) == 0 { // readers skip an empty line
		e.buf = append(e.buf, `""`...)
	}
	e.buf = append(e.buf, '\n')
	_, err := e.out.Write(e.buf)
	return err
}

// appendCell appends s, which is not empty, to a line, in quotation marks where it
// needs them.
func appendCell(b []byte, s string) []byte {
	if !needsQuotes(s) {
		return append(b, s...)
	}
	b = append(b, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		b = append(append(b, s[:i]...), `""`...)
		s = s[i+1:]
	}
	return append(append(b, s...), '"')
}

// needsQuotes goes by all separators, so that a reader who splits at another finds
// quotation marks around those in texts. `\.` would end the data for Postgres.
func needsQuotes(s string) bool {
	if (special[s[0]]|special[s[len(s)-1]])&atEdge != 0 || s == `\.` {
		return true
	}
	for i := range len(s) {
		if special[s[i]]&quotes != 0 {
			return true
		}
	}
	return false
}
