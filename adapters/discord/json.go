package discord

import "encoding/json"

// A cursor reads one JSON text (RFC 8259) from front to back and builds nothing
// but the values that it is asked for: of an event's kilobyte we need a hundred
// bytes. It accepts exactly what encoding/json accepts. Once the text turns out
// to be malformed, bad is set and nothing more is read.
type cursor struct {
	data  []byte
	pos   int
	depth int
	bad   bool
}

// maxDepth is encoding/json's own limit.
const maxDepth = 10000

// said is what an event says of one field: nothing, that it has no value (ok,
// and value is empty), or its value.
type said struct {
	ok    bool
	value string
}

// end reports whether all that was read is well-formed and nothing follows.
func (c *cursor) end() bool {
	c.peek()
	return !c.bad && c.pos == len(c.data)
}

func (c *cursor) fail() { c.bad, c.pos = true, len(c.data) }

// peek returns the first byte of what comes next, 0 at the end.
func (c *cursor) peek() byte {
	for ; c.pos < len(c.data); c.pos++ {
		switch b := c.data[c.pos]; b {
		case ' ', '\t', '\n', '\r':
		default:
			return b
		}
	}
	return 0
}

// members yields the keys of the object that comes next. The loop's body reads
// the value of the key or leaves it, and must not break (but can end the loop
// with fail). Anything but an object has no members.
func (c *cursor) members(yield func(key []byte) bool) {
	if !c.enter('{', '}') {
		return
	}
	for !c.bad {
		if c.peek() != '"' {
			c.fail()
			return
		}
		key := c.quoted()
		if c.peek() != ':' {
			c.fail()
			return
		}
		c.pos++
		c.peek()
		start := c.pos
		yield(key)
		if c.pos == start {
			c.skip()
		}
		if c.leave('}') {
			return
		}
	}
}

// elements runs the loop's body once for each element of the array that comes
// next, as members does.
func (c *cursor) elements(yield func() bool) {
	if !c.enter('[', ']') {
		return
	}
	for !c.bad {
		c.peek()
		start := c.pos
		yield()
		if c.pos == start {
			c.skip()
		}
		if c.leave(']') {
			return
		}
	}
}

// enter goes into the object or array that comes next and reports whether it
// has content. What is of another kind is skipped.
func (c *cursor) enter(opening, closing byte) bool {
	if c.peek() != opening {
		c.skip()
		return false
	}
	c.pos++
	if c.depth++; c.depth > maxDepth {
		c.fail()
		return false
	}
	if c.peek() == closing {
		c.pos++
		c.depth--
		return false
	}
	return true
}

// leave goes behind the comma or out of the object or array, and reports which.
func (c *cursor) leave(closing byte) bool {
	switch c.peek() {
	case ',':
		c.pos++
		return false
	case closing:
		c.pos++
		c.depth--
	default:
		c.fail()
	}
	return true
}

// skip reads over one value.
func (c *cursor) skip() {
	switch b := c.peek(); b {
	case '{':
		for range c.members {
		}
	case '[':
		for range c.elements {
		}
	case '"':
		c.raw()
	case 't':
		c.literal("true")
	case 'f':
		c.literal("false")
	case 'n':
		c.literal("null")
	default:
		c.number()
	}
}

// span reads over one value and returns its text.
func (c *cursor) span() []byte {
	c.peek()
	start := c.pos
	c.skip()
	if c.bad {
		return nil
	}
	return c.data[start:c.pos]
}

func (c *cursor) literal(word string) {
	if len(c.data)-c.pos < len(word) || string(c.data[c.pos:c.pos+len(word)]) != word {
		c.fail()
		return
	}
	c.pos += len(word)
}

func (c *cursor) number() {
	if c.at('-') {
		c.pos++
	}
	if c.at('0') {
		c.pos++
	} else {
		c.digits()
	}
	if c.at('.') {
		c.pos++
		c.digits()
	}
	if c.at('e') || c.at('E') {
		c.pos++
		if c.at('+') || c.at('-') {
			c.pos++
		}
		c.digits()
	}
}

func (c *cursor) at(b byte) bool { return c.pos < len(c.data) && c.data[c.pos] == b }

func (c *cursor) digits() {
	start := c.pos
	for c.pos < len(c.data) && c.data[c.pos] >= '0' && c.data[c.pos] <= '9' {
		c.pos++
	}
	if c.pos == start {
		c.fail()
	}
}

// raw reads over a string and returns what stands between its quotes.
func (c *cursor) raw() (chars []byte, escaped bool) {
	start := c.pos + 1
	for i := start; i < len(c.data); i++ {
		switch b := c.data[i]; {
		case b == '"':
			c.pos = i + 1
			return c.data[start:i], escaped
		case b == '\\':
			n := escapeLen(c.data[i:])
			if n == 0 {
				c.fail()
				return nil, false
			}
			escaped = true
			i += n - 1
		case b < ' ':
			c.fail()
			return nil, false
		}
	}
	c.fail()
	return nil, false
}

// escapeLen returns the length of the escape that b starts with, 0 where it is
// none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, h := range b[2:6] {
			if (h < '0' || h > '9') && (h|0x20 < 'a' || h|0x20 > 'f') {
				return 0
			}
		}
		return 6
	default:
		return 0
	}
}

// quoted returns the characters of the string that comes next. They stand in
// the event itself unless it escapes some.
func (c *cursor) quoted() []byte {
	start := c.pos
	chars, escaped := c.raw()
	if !escaped {
		return chars
	}
	var s string
	if json.Unmarshal(c.data[start:c.pos], &s) != nil {
		c.fail()
		return nil
	}
	return []byte(s)
}

// chars reads a string. null is a string that has no characters; a value of
// another kind says nothing.
func (c *cursor) chars() (chars []byte, ok bool) {
	switch c.peek() {
	case '"':
		return c.quoted(), true
	case 'n':
		c.skip()
		return nil, true
	default:
		c.skip()
		return nil, false
	}
}

func (c *cursor) text() said {
	chars, ok := c.chars()
	return said{ok: ok, value: string(chars)}
}

// id reads a snowflake. It is 0 for null and for an empty string, and ok is
// false for what is not a snowflake.
func (c *cursor) id() (id uint64, ok bool) {
	chars, ok := c.chars()
	if !ok || len(chars) == 0 {
		return 0, ok
	}
	return parseID(chars)
}

// integer reads a whole number, -1 for anything else.
func (c *cursor) integer() int {
	n := 0
	for i, b := range c.span() {
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
	switch string(c.span()) {
	case "null", "false", `""`:
		return false
	default:
		return true
	}
}
