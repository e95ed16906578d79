package discord

import "math/bits"

// keys are the keys that the reader of an object asks for. A few others may count as
// asked for too.
type keys uint64

func keysOf(names ...string) (k keys) {
	for _, name := range names {
		k |= keyBit(name[0], len(name))
	}
	return k
}

// keyBit was chosen for how few of Discord's keys share one with a key that we ask for.
func keyBit(first byte, length int) keys { return 1 << ((uint(first) + 5*uint(length)) % 64) }

// object goes into the object that comes next, and returns the first of its keys that
// is asked for; next returns the one after it, "" when there is none left. The caller
// reads or skips the value of each. Anything but an object has no members, and a key
// that is empty counts as unknown.
func (c *cursor) object(want keys) (key string) {
	if c.peek() != '{' {
		c.skip()
		return ""
	}
	return c.next(want)
}

// next stands at the comma before a member, or at the bracket before the first.
func (c *cursor) next(want keys) (key string) {
	const last = 25 // where the quote behind the key can be
	for len(c.data)-c.pos > last+len(`:[]`) {
		rest := c.data[c.pos:]
		if rest[1] != '"' {
			break
		}
		q, end := quotes(load64(rest, 2)), 2
		if q == 0 {
			q, end = quotes(load64(rest, 10)), 10
		}
		if q == 0 {
			q, end = quotes(load64(rest, 18)), 18
		}
		if q == 0 {
			break
		}
		end += bits.TrailingZeros64(q) / 8
		if end <= 2 || rest[end-1] == '\\' || rest[end+1] != ':' {
			break
		}
		c.pos += end + 2
		if want&keyBit(rest[2], end-2) != 0 {
			return rest[2:end]
		}
		switch rest[end+2] { // what most of the others have is told at once
		case 'n', 't':
			c.pos += len("null")
		case 'f':
			c.pos += len("false")
		case '"':
			c.raw()
		case '[':
			if rest[end+3] == ']' {
				c.pos += len("[]")
				continue
			}
			c.skipNested()
		case '0':
			if rest[end+3] == ',' {
				c.pos++
				continue
			}
			c.skipNumber()
		default:
			c.skip()
		}
	}
	return c.nextSlowly()
}

// nextSlowly reads a key in whatever way it is written, and returns it whether it is
// asked for or not.
func (c *cursor) nextSlowly() (key string) {
	if b := c.peek(); b == ',' || b == '{' {
		c.pos++
	}
	for ; c.peek() == '"'; c.pass(',') {
		key = c.raw()
		c.pass(':')
		if key != "" {
			return key
		}
		c.skip()
	}
	c.pass('}')
	return ""
}

// array goes into the array that comes next, and reports whether it has an element;
// another reports whether there is one after it. The caller reads or skips each.
// Anything but an array has no elements.
func (c *cursor) array() bool {
	if !c.pass('[') {
		c.skip()
		return false
	}
	return c.another()
}

func (c *cursor) another() bool {
	switch c.peek() {
	case ',':
		c.pos++
		c.peek()
	case ']', 0:
		c.pos++
		return false
	}
	return c.pos < len(c.data)
}
