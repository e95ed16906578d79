package sqlitestore

import (
	"database/sql/driver"
	"encoding/json"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// timeFormat is RFC 3339 in UTC and whole seconds, as a Profile's times are, so
// that they sort as text and SQLite's own date functions read them.
const timeFormat = "2006-01-02T15:04:05Z"

// columns are those of the table profiles that show one value of a profile, in
// the order in which cells returns them. Times are last.
var columns = [...]string{
	"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
	"profile", "picture", "website", "email", "email_verified", "gender", "birthdate",
	"zoneinfo", "locale", "phone_number", "phone_number_verified",
	"address_formatted", "address_street_address", "address_locality", "address_region",
	"address_postal_code", "address_country",
	"username", "status", "is_premium", "bio", "start_payload", "nicks", "custom",
	"first_seen", "last_seen",
}

const timeColumns = 2

func cells(p *store.Profile) [len(columns)]cell {
	return [...]cell{
		text(p.Name), text(p.GivenName), text(p.FamilyName), text(p.MiddleName), text(p.Nickname), text(p.PreferredUsername),
		text(p.Profile), text(p.Picture), text(p.Website), text(p.Email), flag(p.EmailVerified), text(p.Gender), text(p.Birthdate),
		text(p.Zoneinfo), text(p.Locale), text(p.PhoneNumber), flag(p.PhoneVerified),
		text(p.Address.Formatted), text(p.Address.StreetAddress), text(p.Address.Locality), text(p.Address.Region),
		text(p.Address.PostalCode), text(p.Address.Country),
		text(p.Username), text(string(p.Status)), flag(p.IsPremium), text(p.Bio), text(p.StartPayload), object(p.Nicks), object(p.Custom),
		instant(p.FirstSeen), instant(p.LastSeen),
	}
}

// A cell is the value of one column in a form that is cheap to compare: most
// are the same before and after. The zero cell is NULL.
type cell struct {
	kind   kind
	number int64
	text   string
}

type kind uint8

const (
	isNull kind = iota
	isText
	isFlag
	isTime
)

func (c cell) value() driver.Value {
	switch c.kind {
	case isText:
		return c.text
	case isFlag:
		return c.number
	case isTime:
		return time.Unix(0, c.number).UTC().Format(timeFormat)
	}
	return nil
}

func text(s string) cell {
	if s == "" {
		return cell{}
	}
	return cell{kind: isText, text: s}
}

func flag(on bool) cell {
	if on {
		return cell{kind: isFlag, number: 1}
	}
	return cell{kind: isFlag}
}

// instant takes the times that a Record holds, which fit into nanoseconds.
func instant(t time.Time) cell {
	if t.IsZero() {
		return cell{}
	}
	return cell{kind: isTime, number: t.UnixNano()}
}

// object writes a map of strings, numbers and flags, which cannot fail, as JSON.
func object[V any](m map[string]V) cell {
	if len(m) == 0 {
		return cell{}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return cell{}
	}
	return text(strings.TrimSuffix(b.String(), "\n"))
}
