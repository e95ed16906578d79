package store

import "strings"

// RepairLimit is how many bytes of a raw value [Repair] looks at. Text ends
// there; a longer value of a field with a format is not kept. Whoever compares
// raw values to tell whether something is new need look no further either.
const RepairLimit = 4096

// Repair makes an Observed value fit to keep. It repairs rather than refuses,
// since nobody can be asked: what a platform sends is what people chose to be
// called, and some of them chose it to do harm.
//
// Text loses control characters, writing direction controls, zero width spaces,
// noncharacters, tag characters that make no flag, and all but 4 of the marks
// on one letter. Line breaks and tabs become spaces, broken UTF-8 becomes
// U+FFFD, spaces around it go, and what is too long ends after the last whole
// character, as a reader sees it, that fits. Only the first [RepairLimit]
// bytes of raw are looked at, so a name of 10 MB costs no more than another. Of a text
// that shows nothing, such as one of Hangul fillers, nothing is left.
// Everything else stays: joined emoji, flags, any script.
//
// A value with a format is brought into it where that is safe: "pt-br" becomes
// "pt-BR", "1 415 555-2671" becomes "+14155552671".
//
// ok is false when the value cannot be kept, and what was kept before should
// stay: not an https URL, not an email address, a status or a field that does
// not exist, a value of any field that holds the token of a Telegram bot. ok
// with an empty value means that nothing is left, so the field is to be
// cleared.
//
// Where nothing had to change, value is raw itself and Repair allocates
// nothing. Then it shares raw's memory: to keep it beyond an event whose buffer
// it points into, take a strings.Clone. A changed value is always a copy of its
// own. Repair is idempotent.
func Repair(f Field, raw string) (value string, ok bool) {
	if r, known := ruleOf(f); known {
		value, ok = r.repair(raw)
	} else if key, custom := f.custom(); custom && customKeyProblem(key) == "" {
		value, ok = repairCustom(raw)
	}
	if !ok || holdsBotToken(value) {
		return "", false
	}
	return value, true
}

func (r rule) repair(raw string) (string, bool) {
	if r.max > 0 {
		return cleanText(raw, r.max), true
	}
	if len(raw) > RepairLimit { // half of a number or an address is another one
		return "", false
	}
	value := strings.TrimSpace(raw)
	if value == "" {
		return "", true
	}
	if r.tidy != nil {
		value = r.tidy(value)
	}
	if r.problem(value) != "" {
		return "", false
	}
	if len(value) < len(raw) {
		value = strings.Clone(value)
	}
	return value, true
}
