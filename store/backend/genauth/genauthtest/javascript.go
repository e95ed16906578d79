package genauthtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// A member is one of a JSON object, with its value as it was written.
type member struct {
	key   string
	value json.RawMessage
}

var errNoObject = errors.New("not a JSON object")

// readObject returns the members of an object in the order that JavaScript gives
// them: array indexes first, by number, then all others as they came. Of two with
// one key the value of the last counts, at the place of the first.
func readObject(raw []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoObject
	}
	var members []member
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := t.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(members, func(m member) bool { return m.key == key }); i >= 0 {
			members[i].value = value
			continue
		}
		members = append(members, member{key, value})
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(index(a.key), index(b.key)) })
	return members, nil
}

// index is the number of a key that is an array index, and beyond all of them for
// any other key.
func index(key string) uint64 {
	const beyond = 1<<32 - 1
	n, err := strconv.ParseUint(key, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != key {
		return beyond
	}
	return min(n, beyond)
}

// param is a value as it stands in a signature: text as it is, all else as
// JSON.stringify writes it.
func (m member) param() (string, error) {
	if m.value[0] == '"' {
		var text string
		err := json.Unmarshal(m.value, &text)
		return text, err
	}
	return stringify(m.value)
}

// stringify is JSON.stringify(JSON.parse(raw)).
func stringify(raw json.RawMessage) (string, error) {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '{':
		members, err := readObject(raw)
		parts := make([]string, len(members))
		for i, m := range members {
			value, problem := stringify(m.value)
			parts[i], err = quote(m.key)+":"+value, errors.Join(err, problem)
		}
		return "{" + strings.Join(parts, ",") + "}", err
	case '[':
		var list []json.RawMessage
		err := json.Unmarshal(raw, &list)
		parts := make([]string, len(list))
		for i, v := range list {
			value, problem := stringify(v)
			parts[i], err = value, errors.Join(err, problem)
		}
		return "[" + strings.Join(parts, ",") + "]", err
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return quote(text), err
	case 't', 'f', 'n':
		return string(raw), nil
	}
	number, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || number == 0 {
		return "0", err
	}
	b, err := json.Marshal(number) // ECMAScript's form
	return string(b), err
}

// quote takes back the two escapes that Go makes and JavaScript does not.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // neither a string nor a Builder can fail
	quoted := strings.TrimSuffix(b.String(), "\n")
	var out strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch {
		case strings.HasPrefix(quoted[i:], `\u2028`):
			out.WriteString("\u2028")
			i += 5
		case strings.HasPrefix(quoted[i:], `\u2029`):
			out.WriteString("\u2029")
			i += 5
		case quoted[i] == '\\':
			out.WriteString(quoted[i : i+2])
			i++
		default:
			out.WriteByte(quoted[i])
		}
	}
	return out.String()
}
