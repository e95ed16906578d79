package export

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-go/rollcall/store"
)

// JSON writes people to w, one JSON object a line (https://jsonlines.org), and
// returns how many. Each is what encoding/json makes of a [store.Profile], and can
// be read back into one; what is not known is left out.
//
// Errors are those of [CSV].
func JSON(w io.Writer, people iter.Seq2[store.Profile, error]) (n int, err error) {
	out := bufio.NewWriterSize(w, bufferSize)
	var buf []byte // of the line
	n, err = each(people, out, func(p *store.Profile) (err error) {
		if buf, err = appendProfile(buf[:0], p); err != nil {
			return err
		}
		_, err = out.Write(buf)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("export: json: after %d people: %w", n, err)
	}
	return n, nil
}

// A member is a field in the JSON of a profile.
type member struct {
	label     string // `"name":`
	value     func(p *store.Profile) string
	flag      bool
	inAddress bool
}

// members are in the order of the JSON. Those of the address stand together.
var members = func() (ms []member) {
	for _, f := range store.Fields() {
		m := member{value: f.Getter()}
		var name string
		name, m.inAddress = strings.CutPrefix(string(f), "address.")
		m.label = `"` + name + `":`
		switch f {
		case store.FieldEmailVerified, store.FieldPhoneVerified, store.FieldIsPremium:
			m.flag = true
		}
		ms = append(ms, m)
	}
	return ms
}()

// appendProfile appends what encoding/json makes of p where it does not escape for
// HTML. That goes by reflection through all fields, of which few are known, and takes
// about three times as long.
func appendProfile(b []byte, p *store.Profile) (_ []byte, err error) {
	b = appendString(append(b, `{"channel":`...), p.Channel)
	b = appendString(append(b, `,"user_id":`...), p.UserID)
	inAddress := false
	for i := range members {
		m := &members[i]
		value := m.value(p)
		if value == "" {
			continue
		}
		if inAddress && !m.inAddress {
			b = append(b, '}')
		}
		b = append(b, ',')
		if m.inAddress && !inAddress {
			b = append(b, `"address":{`...)
		}
		inAddress = m.inAddress
		b = append(b, m.label...)
		if m.flag {
			b = append(b, value...)
		} else {
			b = appendString(b, value)
		}
	}
	if inAddress {
		b = append(b, '}')
	}
	if b, err = appendObject(b, `,"nicks":`, p.Nicks); err != nil {
		return b, err
	}
	if b, err = appendObject(b, `,"custom":`, p.Custom); err != nil {
		return b, err
	}
	if b, err = appendTime(b, `,"first_seen":"`, p.FirstSeen); err != nil {
		return b, err
	}
	if b, err = appendTime(b, `,"last_seen":"`, p.LastSeen); err != nil {
		return b, err
	}
	return append(b, "}\n"...), nil
}

func appendObject[V any](b []byte, label string, m map[string]V) ([]byte, error) {
	text, err := object(m)
	if text == "" {
		return b, err
	}
	return append(append(b, label...), text...), err
}

func appendTime(b []byte, label string, t time.Time) ([]byte, error) {
	if t.IsZero() {
		return b, nil
	}
	b, err := t.AppendText(append(b, label...))
	return append(b, '"'), err
}

// appendString appends s in quotation marks.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	written := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(append(b, s[written:i]...), escapes[c]...)
			i++
			written = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(append(b, s[written:i]...), `\ufffd`...)
			written = i + size
		case r == '\u2028' || r == '\u2029': // which end a line of JavaScript
			b = append(append(b, s[written:i]...), `\u202`...)
			b = append(b, '8'+byte(r-'\u2028'))
			written = i + size
		}
		i += size
	}
	return append(append(b, s[written:]...), '"')
}

// escapes are of the characters that cannot stand in a string.
var escapes = func() (e [utf8.RuneSelf]string) {
	for c := range ' ' {
		e[c] = fmt.Sprintf(`\u%04x`, c)
	}
	e['\b'], e['\f'], e['\n'], e['\r'], e['\t'] = `\b`, `\f`, `\n`, `\r`, `\t`
	e['"'], e['\\'] = `\"`, `\\`
	return e
}()
