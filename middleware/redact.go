package middleware

import (
	"errors"
	"strings"
	"unicode"

	"github.com/rollcall-go/rollcall/store"
)

// redact returns err, and where its text holds a URL or a control character an error
// that says the same without: net/http puts URLs into its errors, and they hold
// tokens; and what a backend says is for one line of a log or a terminal.
func redact(err error) error {
	text := err.Error()
	if clean := printable(withoutURLs(text)); clean != text {
		return &redactedError{text: clean, err: err}
	}
	return err
}

// A redactedError is what errors.Is and errors.As find in err, under another
// text. It has no Unwrap, by which a logger would come to the text beneath.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *redactedError) As(target any) bool   { return errors.As(e.err, target) }

// reason is what is kept and logged of an error: as redacted, and without the
// person's Key, which stands beside it where it may.
func reason(err error, key store.Key) string {
	return strings.ReplaceAll(printable(withoutURLs(err.Error())), key.String(), "the person")
}

// printable returns text with spaces for what ends a line or is obeyed by a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

// withoutURLs leaves scheme and host of each URL in text.
func withoutURLs(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		address := after[:addressEnd(before, after)]
		b.WriteString("://" + hostOf(address))
		text = after[len(address):]
	}
}

// addressEnd returns where a URL ends in after: at the quotation mark, if it
// stands in such, and else at the first that is no part of one.
func addressEnd(before, after string) int {
	scheme := strings.TrimRight(before, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-")
	ends := " \t\r\n\"'`<>"
	if strings.HasSuffix(scheme, `"`) {
		ends = `"`
	}
	for i := 0; i < len(after); i++ {
		if after[i] == '\\' { // what follows is escaped
			i++
		} else if strings.IndexByte(ends, after[i]) >= 0 {
			return i
		}
	}
	return len(after)
}

// hostOf returns the host of what follows the scheme of a URL. Of one that may
// hold a password it is empty.
func hostOf(address string) string {
	if strings.Contains(address, "@") {
		return ""
	}
	host, _, _ := strings.Cut(address, "/")
	host, _, _ = strings.Cut(host, "?")
	host, _, _ = strings.Cut(host, "#")
	return host
}
