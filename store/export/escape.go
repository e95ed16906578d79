package export

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape puts an apostrophe in front of a text that a spreadsheet would not take
// for a text.
func escape(s string) string {
	if misread(s) {
		return "'" + s
	}
	return s
}

// Unescape returns the text that CSV made this cell of: it takes the apostrophe
// away that stands before what would be a formula. Every other cell is returned as
// it is. Use it on the cells of texts; those of numbers need none.
func Unescape(cell string) string {
	if text, ok := strings.CutPrefix(cell, "'"); ok && misread(text) {
		return text
	}
	return cell
}

// misread reports whether s begins as a formula does, or with what a spreadsheet
// may take for the end of the cell. Before it there may be spaces and byte order
// marks, which a spreadsheet may drop, and apostrophes, which may be ours.
func misread(s string) bool {
	if s == "" || s[0] < utf8.RuneSelf && special[s[0]]&beginsFormula == 0 {
		return false
	}
	for _, r := range s {
		switch r {
		case '=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n':
			return true
		}
		if r != '\'' && r != '\ufeff' && !unicode.IsSpace(r) {
			return false
		}
	}
	return false
}

// What is special about a byte.
const (
	quotes        = 1 << iota // the cell needs quotation marks
	atEdge                    // it does so at the beginning or the end
	beginsFormula             // it may be the first of a formula
)

var special = func() (t [256]uint8) {
	mark := func(chars string, what uint8) {
		for _, c := range []byte(chars) {
			t[c] |= what
		}
	}
	mark(separators+"\"\r\n", quotes)
	mark(" ", atEdge)
	mark("=+-@'\t\n\v\f\r ", beginsFormula)
	return t
}()
