// Package hostile holds what people choose to be called when they want to do
// harm, and what they are honestly called where code expects only ASCII. Tests
// send all of it through every part that keeps or passes on a value.
package hostile

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Check returns nil when s is text that may be kept: after it was repaired, all
// of [Texts] must pass. It is written apart from the code that repairs.
func Check(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("not valid UTF-8")
	}
	if strings.TrimSpace(s) != s {
		return errors.New("spaces around it")
	}
	if s != "" && strings.Trim(s, unseen) == "" {
		return errors.New("nothing to be seen")
	}
	stack := 0
	rest := []rune(s)
	for len(rest) > 0 {
		if n := flagLen(rest); n > 0 {
			rest, stack = rest[n:], 0
			continue
		}
		r := rest[0]
		rest = rest[1:]
		if name := forbidden(r); name != "" {
			return fmt.Errorf("%s %U", name, r)
		}
		switch {
		case unicode.IsMark(r):
			if stack++; stack > 4 {
				return fmt.Errorf("mark %U is number %d on its letter", r, stack)
			}
		case !unicode.Is(unicode.Cf, r):
			stack = 0
		}
	}
	return nil
}

// unseen are characters that readers take for nothing, alone or beside each other:
// fillers of Hangul, the blank of Braille, joiners, selectors and a soft hyphen.
const unseen = " \u00a0\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200c\u200d\u2800\u3000\u3164\ufe0f\uffa0"

func forbidden(r rune) string {
	switch {
	case unicode.IsControl(r):
		return "control character"
	case unicode.In(r, unicode.Zl, unicode.Zp):
		return "line separator"
	case unicode.Is(unicode.Bidi_Control, r):
		return "bidi control"
	case unicode.Is(unicode.Noncharacter_Code_Point, r):
		return "noncharacter"
	case r>>7 == 0xe0000>>7:
		return "tag character"
	case strings.ContainsRune("\u200b\u2060\ufeff", r):
		return "invisible character"
	}
	return ""
}

// flagLen is how many code points the subdivision flag has that s begins with.
func flagLen(s []rune) int {
	if s[0] != 0x1f3f4 {
		return 0
	}
	for i, r := range s[1:] {
		switch {
		case r == 0xe007f && i >= 3 && i <= 7:
			return i + 2
		case r >= 0xe0061 && r <= 0xe007a, r >= 0xe0030 && r <= 0xe0039:
		default:
			return 0
		}
	}
	return 0
}
