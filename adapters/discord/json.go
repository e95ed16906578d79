package discord

import (
	"encoding/json"
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
	pos  int
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

// members yields the keys of the object that comes next. The loop's body reads
// the value of the key or leaves it, and must not break. Anything but an object has
// no members.
func (c *cursor) members(yield func(key string) bool) {
	if !c.pass('{') {
		c.skip()
		return
	}
	for c.peek() == '"' {
		key := c.raw()
		c.pass(':')
		c.peek()
		start := c.pos
		yield(key)
		if c.pos == start {
			c.skip()
		}
		c.pass(',')
	}
	c.pass('}')
}

// elements runs the loop's body once for each element of the array that comes
// next, as members does.
func (c *cursor) elements(yield func() bool) {
	if !c.pass('[') {
		c.skip()
		return
	}
	for b := c.peek(); b != ']' && b != 0; b = c.peek() {
		start := c.pos
		yield()
		if c.pos == start {
			c.skip()
		}
		c.pass(',')
	}
	c.pass(']')
}

// end leaps over all that is left.
func (c *cursor) end() { c.pos = len(c.data) }

// skip leaps over one value: at least one byte, so that whoever skips gets on.
func (c *cursor) skip() {
	switch c.peek() {
	case '"':
		c.raw()
	case '{', '[':
		c.skipNested()
	case 'n', 't':
		c.pos = min(c.pos+len("null"), len(c.data))
	case 'f':
		c.pos = min(c.pos+len("false"), len(c.data))
	default:
		c.skipNumber()
	}
}

func (c *cursor) skipNested() {
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

func (c *cursor) skipNumber() {
	for c.pos++; c.pos < len(c.data); c.pos++ {
		if b := c.data[c.pos]; b == ',' || b == '}' || b == ']' || b <= ' ' {
			return
		}
	}
	c.end()
}

// raw returns what stands between the quotes of the string that comes next.
func (c *cursor) raw() string {
	rest := c.data[c.pos+1:]
	n := strings.IndexByte(rest, '"')
	if n <= 0 || rest[n-1] == '\\' {
		n = closing(rest)
	}
	c.pos = min(c.pos+n+len(`""`), len(c.data))
	return rest[:n]
}

// closing returns where the first quote of s is that no backslash escapes.
func closing(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(s)
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
	start := c.pos
	c.skip()
	return c.data[start:c.pos]
}

// id reads a snowflake. It is 0 for null and for an empty string, and ok is
// false for what is not a snowflake.
func (c *cursor) id() (id uint64, ok bool) {
	text := c.text()
	if text.value == "" {
		return 0, text.ok
	}
	return parseID(text.value)
}

// integer reads a whole number, -1 for anything else.
func (c *cursor) integer() int {
	n := 0
	text := c.span()
	for i := range len(text) {
		b := text[i]
		if b < '0' || b > '9' || i == 18 {
			return -1
		}
		n = n*10 + int(b-'0')
	}
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
