package store

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxMarks is how many combining marks one letter may carry. Names rarely need
// more than two; stacks of hundreds cover the lines above and below.
const maxMarks = 4

// A flaw is what is wrong with one piece of text, in the words of a FieldError.
// "" means that it is sound.
type flaw string

const (
	flawEncoding  flaw = "is not valid UTF-8"
	flawBreak     flaw = "holds a line break or a tab: use a space"
	flawControl   flaw = "holds a control character"
	flawBidi      flaw = "holds a character that turns the writing direction"
	flawInvisible flaw = "holds an invisible character"
	flawNonchar   flaw = "holds a code point that is no character"
	flawTag       flaw = "holds tag characters outside of a flag"
	flawMarks     flaw = "stacks too many marks on one letter"
)

// A scanner judges text piece by piece. The zero scanner is at the beginning.
type scanner struct {
	marks int // since the last letter
}

// next judges the first piece of s, which is one character, or a flag that is
// spelled with tag characters. s is not empty.
func (sc *scanner) next(s string) (size int, f flaw) {
	if c := s[0]; c < utf8.RuneSelf {
		switch {
		case c >= ' ' && c != 0x7f:
			sc.marks = 0
			return 1, ""
		case c == '\n' || c == '\t':
			sc.marks = 0
			return 1, flawBreak
		default:
			return 1, flawControl
		}
	}
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		sc.marks = 0
		return 1, flawEncoding
	}
	if r == '\u2028' || r == '\u2029' {
		sc.marks = 0
		return size, flawBreak
	}
	if f := flawOf(r); f != "" {
		return size, f
	}
	switch {
	case r < 0x300 && r != '\u00ad': // Latin: no marks, and one format character
		sc.marks = 0
	case unicode.Is(unicode.M, r):
		if sc.marks == maxMarks {
			return size, flawMarks
		}
		sc.marks++
	case unicode.Is(unicode.Cf, r): // a joiner must not begin a new stack
	case r == blackFlag:
		sc.marks = 0
		size += tagSequence(s[size:])
	default:
		sc.marks = 0
	}
	return size, ""
}

// flawOf judges the characters that are wrong wherever they stand.
func flawOf(r rune) flaw {
	switch {
	case r < 0xa0:
		return flawControl
	case r < 0x61c:
		return ""
	case unicode.Is(unicode.Bidi_Control, r):
		return flawBidi
	case r == '\u200b' || r == '\u2060' || r == '\ufeff': // zero width space, word joiner, byte order mark
		return flawInvisible
	case r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe:
		return flawNonchar
	case r >= 0xe0000 && r <= 0xe007f:
		return flawTag
	}
	return ""
}

const (
	blackFlag = '\U0001f3f4'
	cancelTag = '\U000e007f'
)

// tagSequence returns the length of the tag characters that s begins with, when
// they make a flag out of the black flag before them: three to seven letters or
// digits, the code of a region, and the end mark. Else it returns 0.
// https://www.unicode.org/reports/tr51/#def_emoji_tag_sequence
func tagSequence(s string) int {
	n := 0
	for i, r := range s {
		if r == cancelTag && n >= 3 {
			return i + utf8.RuneLen(r)
		}
		c := r - 0xe0000
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') || n == 7 {
			return 0
		}
		n++
	}
	return 0
}

// firstFlaw returns the first flaw of s, "" where there is none.
func firstFlaw(s string) flaw {
	var sc scanner
	for s != "" {
		n, f := sc.next(s)
		if f != "" {
			return f
		}
		s = s[n:]
	}
	return ""
}

// textProblem says what [Repair] would change in a text, "" for nothing.
func textProblem(s string, most int) string {
	if len(s) > RepairLimit || utf8.RuneCountInString(s) > most {
		return fmt.Sprintf("is longer than %d characters", most)
	}
	if f := firstFlaw(s); f != "" {
		return string(f)
	}
	if strings.TrimSpace(s) != s {
		return "begins or ends with a space"
	}
	if s != "" && !shows(s) {
		return "is made of characters that show nothing"
	}
	return ""
}

// shows reports whether a reader sees anything of s. Names of Hangul fillers or of the
// blank of Braille are common among those who want none.
func shows(s string) bool {
	for _, r := range s {
		if r > ' ' && r < 0x7f || !blank(r) {
			return true
		}
	}
	return false
}

func blank(r rune) bool {
	return r == '\u2800' || unicode.IsSpace(r) ||
		unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// cleanText makes a text out of raw that has no problem. It is raw itself where
// it already is one, and else a string of its own.
func cleanText(raw string, most int) string {
	s := strings.TrimSpace(head(raw))
	if f := firstFlaw(s); f != "" {
		s = strings.TrimSpace(rebuild(s))
	}
	s = cutCharacters(s, most)
	if !shows(s) {
		return ""
	}
	if len(s) < len(raw) {
		return strings.Clone(s)
	}
	return s
}

// head returns the first characters of s, of at most RepairLimit bytes.
func head(s string) string {
	if len(s) <= RepairLimit {
		return s
	}
	end := RepairLimit
	for end > RepairLimit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// rebuild copies s without its flaws.
func rebuild(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	var sc scanner
	broken := false // the last piece was not UTF-8: a run of them is one U+FFFD
	for i := 0; i < len(s); {
		size, f := sc.next(s[i:])
		switch f {
		case "":
			b.WriteString(s[i : i+size])
		case flawBreak:
			b.WriteByte(' ')
		case flawEncoding:
			if !broken {
				b.WriteRune(utf8.RuneError)
			}
		}
		broken = f == flawEncoding
		i += size
	}
	return b.String()
}

// cutCharacters returns the beginning of s, of at most that many code points,
// which ends where a reader sees a character end. A first character that is
// longer than all of that is not an honest one: nothing is left then.
func cutCharacters(s string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	end, runes, state := 0, 0, -1
	for rest := s; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		runes += utf8.RuneCountInString(cluster)
		if runes > most {
			break
		}
		end += len(cluster)
	}
	return strings.TrimSpace(s[:end])
}
