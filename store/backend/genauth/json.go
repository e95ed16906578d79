package genauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// An object is the body of a request, or an object within it: strings, bools,
// float64s, nil, []string, json.RawMessage and objects.
type object map[string]any

// appendJSON writes v as JavaScript's JSON.stringify writes what it has parsed.
// The service signs objects in that form, so that one byte of difference, such
// as an escaped '<' or U+2028, is a wrong signature.
func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i, key := range v.keys() {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, key), ':')
			var err error
			if b, err = appendJSON(b, v[key]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, s)
		}
		return append(b, ']'), nil
	case json.RawMessage:
		var compact bytes.Buffer
		if err := json.Compact(&compact, v); err != nil {
			return nil, fmt.Errorf("raw JSON: %w", err)
		}
		return append(b, compact.Bytes()...), nil
	case string:
		return appendQuoted(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case float64:
		number, err := json.Marshal(v + 0) // -0 becomes 0
		if err != nil {
			return nil, fmt.Errorf("number: %w", err)
		}
		return append(b, number...), nil
	case nil:
		return append(b, "null"...), nil
	}
	return nil, fmt.Errorf("a %T has no place in a request", v)
}

// keys returns the keys in the order that JavaScript gives them: those which are
// array indexes first, by number.
func (o object) keys() []string {
	return slices.SortedFunc(maps.Keys(o), func(a, b string) int {
		i, aIndex := arrayIndex(a)
		j, bIndex := arrayIndex(b)
		switch {
		case aIndex && bIndex:
			return cmp.Compare(i, j)
		case aIndex:
			return -1
		case bIndex:
			return 1
		}
		return cmp.Compare(a, b)
	})
}

func arrayIndex(key string) (uint64, bool) {
	n, err := strconv.ParseUint(key, 10, 32)
	return n, err == nil && n < 1<<32-1 && strconv.FormatUint(n, 10) == key
}

// appendQuoted escapes what JSON demands and nothing else.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b = append(b, '\\', byte(r))
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			if r < ' ' {
				b = fmt.Appendf(b, `\u%04x`, r)
			} else {
				b = utf8.AppendRune(b, r)
			}
		}
	}
	return append(b, '"')
}
