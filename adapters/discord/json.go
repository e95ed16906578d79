package discord

import (
	"encoding/json"
	"math/bits"
	"strings"
)

// A cursor reads one well-formed JSON text (RFC 8259) from front to back, and makes
// nothing but the values that it is asked for, as parts of that text: of an event's
// kilobyte we need a hundred bytes. encoding/json has looked at the text before: it
// is discordgo's, which decodes the frame that the event is in, and FromRaw asks it.
// Of a text that is not well-formed a cursor reads anything, but it comes to an end.
//
// It stands in the way of every event of the gateway, so what is not asked for is
// leapt over. A key that is written with escapes counts as unknown; no key of
// Discord's is.
type cursor struct {
	data string
	pos  int // beyond the end where data breaks off
}

// said is what an event says of one field: nothing, that it has no value (ok,
// and value is empty), or its value.
type said struct {
	ok    bool
	value string
}

// peek goes to what comes next and returns its first byte, 0 at the end.
func (c *cursor) peek() byte {
	if c.pos < len(c.data) && c.data[c.pos] > ' ' {
		return c.data[c.pos]
	}
	return c.peekBehindSpace()
}

func (c *cursor) peekBehindSpace() byte {
	for ; c.pos < len(c.data); c.pos++ {
		if b := c.data[c.pos]; b > ' ' {
			return b
		}
	}
	return 0
}

// pass goes behind b where that comes next.
func (c *cursor) pass(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.pos++
	return true
}

// skip leaps over one value: at least one byte, so that whoever skips gets on.
func (c *cursor) skip() {
	switch c.peek() {
	case '"':
		c.raw()
	case '{', '[':
		c.skipNested()
	case 'n', 't':
		c.pos += len("null")
	case 'f':
		c.pos += len("false")
	default:
		c.skipNumber()
	}
}

// skipNested leaps over an object or an array.
func (c *cursor) skipNested() {
	if n := flat(c.data[c.pos:]); n > 0 {
		c.pos += n
		return
	}
	for depth := 0; c.pos < len(c.data); {
		switch c.data[c.pos] {
		case '"':
			c.raw()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.pos++
		if depth == 0 {
			return
		}
	}
}

// flat returns how long the object or array is that s begins with, if that is easy to
// tell: it holds no other of its kind, nothing is escaped in it, so that its quotes come
// in pairs, and its closing bracket is outside of them. Of all else it is 0.
func flat(s string) int {
	const distance = '}' - '{' // and that of ']' from '['
	opening, closing := s[0], s[0]+distance
	if len(s) > 1 && s[1] == closing {
		return 2
	}
	n := strings.IndexByte(s, closing)
	if n < 0 || strings.IndexByte(s[1:n], opening) >= 0 || strings.IndexByte(s[:n], '\\') >= 0 || strings.Count(s[:n], `"`)%2 != 0 {
		return 0
	}
	return n + 1
}

func (c *cursor) skipNumber() {
	for c.pos++; !ends(c.data, c.pos); {
		c.pos++
	}
}

// ends reports whether a number ends before i.
func ends(s string, i int) bool {
	return i >= len(s) || s[i] == ',' || s[i] == '}' || s[i] == ']' || s[i] <= ' '
}

// raw returns what stands between the quotes of the string that comes next. Most are
// so short that to call anything costs more than to look at them.
func (c *cursor) raw() string {
	const short = 40
	if len(c.data)-c.pos < short+8 {
		return c.rawSlowly()
	}
	rest := c.data[c.pos:]
	for i := 1; i < short; i += 8 {
		if q := quotes(load64(rest, i)); q != 0 {
			end := i + bits.TrailingZeros64(q)/8
			if rest[end-1] == '\\' {
				break
			}
			c.pos += end + 1
			return rest[1:end]
		}
	}
	return c.rawSlowly()
}

func (c *cursor) rawSlowly() string {
	chars := c.data[c.pos+1:]
	chars = chars[:closing(chars)]
	c.pos += len(chars) + len(`""`)
	return chars
}

// closing returns where the first quote of s is that no backslash escapes.
func closing(s string) int {
	for i := 0; ; i++ {
		n := strings.IndexByte(s[i:], '"')
		if n < 0 {
			return len(s)
		}
		slashes := 0
		for i += n; slashes < i && s[i-slashes-1] == '\\'; {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

// text reads a string. null is a string that has no characters; a value of another
// kind says nothing.
func (c *cursor) text() said {
	switch c.peek() {
	case '"':
		chars := c.raw()
		if strings.IndexByte(chars, '\\') >= 0 {
			return unescape(chars)
		}
		return said{ok: true, value: chars}
	case 'n':
		c.skip()
		return said{ok: true}
	default:
		c.skip()
		return said{}
	}
}

func unescape(chars string) (text said) {
	text.ok = json.Unmarshal([]byte(`"`+chars+`"`), &text.value) == nil
	return text
}

// span leaps over one value and returns its text.
func (c *cursor) span() string {
	c.peek()
	from := c.pos
	c.skip()
	return c.data[min(from, len(c.data)):min(c.pos, len(c.data))]
}

// id reads a snowflake. It is 0 for null and for an empty string, and ok is
// false for what is not a snowflake.
func (c *cursor) id() (id uint64, ok bool) {
	if c.peek() != '"' {
		return 0, c.text().ok
	}
	chars := c.raw()
	if id, ok = parseID(chars); ok {
		return id, ok
	}
	text := unescape(chars)
	if text.value == "" {
		return 0, text.ok
	}
	return parseID(text.value)
}

// integer reads a whole number of up to 18 digits, -1 for anything else.
func (c *cursor) integer() (n int) {
	c.peek()
	i := c.pos
	for ; i < len(c.data) && c.data[i]-'0' <= 9; i++ {
		n = n*10 + int(c.data[i]-'0')
	}
	if digits := i - c.pos; digits == 0 || digits > 18 || !ends(c.data, i) {
		c.skip()
		return -1
	}
	c.pos = i
	return n
}

// set reads any value and reports whether it is more than null, false or an
// empty string. For what makes somebody no person, a value of the wrong kind
// counts.
func (c *cursor) set() bool {
	switch c.span() {
	case "null", "false", `""`:
		return false
	default:
		return true
	}
}
