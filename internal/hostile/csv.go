package hostile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// CheckCSV returns nil when file is CSV that every reader sees alike, and whose
// cells no spreadsheet takes for formulas: lines that end with "\n", each of that
// many cells. It returns how many lines there are, with the header. It reads
// strictly, and apart from the code that writes and from encoding/csv, which
// tolerates some of what others do not.
func CheckCSV(file string, comma byte, cells int) (lines int, err error) {
	for file != "" {
		n := 0
		for {
			var cell string
			if cell, file, err = nextCell(file, comma); err != nil {
				return lines, fmt.Errorf("line %d, cell %d: %w", lines+1, n+1, err)
			}
			if formula(cell) {
				return lines, fmt.Errorf("line %d, cell %d: %+.20q is a formula", lines+1, n+1, cell)
			}
			n++
			end := file[0]
			file = file[1:]
			if end == '\n' {
				break
			}
		}
		if lines++; n != cells {
			return lines, fmt.Errorf("line %d has %d cells, not %d", lines, n, cells)
		}
	}
	return lines, nil
}

// nextCell returns the first cell of file, and the rest, which begins with the
// separator or the end of the line.
func nextCell(file string, comma byte) (cell, rest string, err error) {
	if !strings.HasPrefix(file, `"`) {
		end := strings.IndexAny(file, string(comma)+"\n")
		if end < 0 {
			return "", "", errors.New("the file ends within a line")
		}
		if cell = file[:end]; strings.ContainsAny(cell, "\"\r") {
			return "", "", errors.New("a quotation mark or a CR outside of quotation marks")
		}
		return cell, file[end:], nil
	}
	for rest = file[1:]; ; {
		end := strings.IndexByte(rest, '"')
		if end < 0 {
			return "", "", errors.New("the quotation marks are not closed")
		}
		cell += rest[:end]
		rest = rest[end+1:]
		if rest == "" || rest[0] != '"' && rest[0] != comma && rest[0] != '\n' {
			return "", "", errors.New("something behind the quotation marks")
		}
		if rest[0] != '"' {
			return cell, rest, nil
		}
		cell += `"`
		rest = rest[1:]
	}
}

var number = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// formula goes by https://owasp.org/www-community/attacks/CSV_Injection, and by
// readers that drop spaces.
func formula(cell string) bool {
	if number.MatchString(cell) {
		return false
	}
	if cell != "" && strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return true
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimSpace(cell))
	return strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", first) && first != utf8.RuneError
}
