package store

import (
	_ "embed"
	"net/mail"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// What each format's problem function says is the Problem of a FieldError.

const maxURL = 2048

func urlProblem(s string) string {
	if p := textProblem(s, maxURL); p != "" {
		return p
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || strings.ContainsFunc(s, unicode.IsSpace):
		return "is not an https URL, such as https://example.org/ann"
	case u.User != nil:
		return "is a URL that holds a user name or password"
	}
	return ""
}

const (
	maxEmail     = 254 // bytes; RFC 5321, section 4.5.3.1.3, without the angle brackets
	maxLocalPart = 64
	maxLabel     = 63
)

func emailProblem(s string) string {
	const problem = "is not an email address, such as ann@example.org"
	if len(s) > maxEmail {
		return "is longer than an email address can be"
	}
	if p := textProblem(s, maxEmail); p != "" {
		return p
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return problem
	}
	local, domain, _ := strings.Cut(s, "@")
	if len(local) > maxLocalPart || !strings.Contains(domain, ".") {
		return problem
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > maxLabel || strings.HasPrefix(label, "-") ||
			strings.HasSuffix(label, "-") || strings.ContainsFunc(label, notInLabel) {
			return problem
		}
	}
	return ""
}

func notInLabel(r rune) bool {
	return r != '-' && !unicode.In(r, unicode.L, unicode.M, unicode.Nd)
}

// tidyPhone takes out what people and address books write between the digits.
// Telegram gives the number of a contact without its '+'.
func tidyPhone(s string) string {
	s = strings.ReplaceAll(s, "(0)", "") // +44 (0)20: not dialled from abroad
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Bidi_Control) || strings.ContainsRune(".()/", r) {
			return -1
		}
		return r
	}, s)
	if s != "" && s[0] >= '1' && s[0] <= '9' {
		return "+" + s
	}
	return s
}

// phoneProblem: ITU-T E.164 allows 15 digits, and the shortest numbers in use
// have 7.
func phoneProblem(s string) string {
	const problem = "is not a phone number in the form of E.164, such as +14155552671"
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return problem
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return problem
		}
	}
	return ""
}

// tidyGender also takes OpenID Connect's own two values.
func tidyGender(s string) string {
	switch strings.ToLower(s) {
	case "m", "male":
		return "M"
	case "f", "female":
		return "F"
	case "u", "unknown":
		return "U"
	}
	return s
}

func genderProblem(s string) string {
	if s != "M" && s != "F" && s != "U" {
		return "is not M, F or U (unknown)"
	}
	return ""
}

// birthdateProblem follows OpenID Connect: the year 0000 means that it is not
// told, and a year may stand alone.
// https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims
func birthdateProblem(s string) string {
	layout := time.DateOnly
	if len(s) == 4 {
		layout = "2006"
	}
	if _, err := time.Parse(layout, s); err != nil || s == "0000" {
		return "is not a date of the calendar, such as 1990-12-31, 0000-12-31 or 1990"
	}
	return ""
}

// zones are the names of the IANA time zone database, one a line.
//
// A validation must not depend on the machine, and time.LoadLocation asks the
// machine's own files. To embed time/tzdata would add 450 KB to every bot,
// where the names alone are 9 KB. A zone that is newer than this list (there is
// one in about two years) waits for a new version of it.
//
//go:generate sh -c "unzip -Z1 $(go env GOROOT)/lib/time/zoneinfo.zip | grep -v -e '/$' -e '^Factory$' | LC_ALL=C sort >zones.txt"
//go:embed zones.txt
var zones string

func zoneProblem(s string) string {
	if s == "" || strings.Contains(s, "\n") || !strings.Contains("\n"+zones, "\n"+s+"\n") {
		return "is not a time zone of the IANA database, such as Europe/Paris"
	}
	return ""
}

func statusProblem(s string) string {
	switch Status(s) {
	case StatusActive, StatusBlocked, StatusLeft, StatusDeleted:
		return ""
	}
	return "is not active, blocked, left or deleted"
}

func flagProblem(s string) string {
	if s != trueText {
		return "is not true: a flag that is false is cleared"
	}
	return ""
}
