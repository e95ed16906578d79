package sqlitestore

import (
	"database/sql/driver"
	"encoding/json"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// timeFormat is RFC 3339 with all nine digits, so that times sort as text and
// SQLite's own date functions read them.
const timeFormat = "2006-01-02T15:04:05.000000000Z07:00"

// columns are those of the table profiles that show one value of a profile, in
// the order in which values returns them. Times are last.
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

func values(p *store.Profile) [len(columns)]driver.Value {
	return [...]driver.Value{
		text(p.Name), text(p.GivenName), text(p.FamilyName), text(p.MiddleName), text(p.Nickname), text(p.PreferredUsername),
		text(p.Profile), text(p.Picture), text(p.Website), text(p.Email), p.EmailVerified, text(p.Gender), text(p.Birthdate),
		text(p.Zoneinfo), text(p.Locale), text(p.PhoneNumber), p.PhoneVerified,
		text(p.Address.Formatted), text(p.Address.StreetAddress), text(p.Address.Locality), text(p.Address.Region),
		text(p.Address.PostalCode), text(p.Address.Country),
		text(p.Username), text(string(p.Status)), p.IsPremium, text(p.Bio), text(p.StartPayload), object(p.Nicks), object(p.Custom),
		timestamp(p.FirstSeen), timestamp(p.LastSeen),
	}
}

func text(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

func timestamp(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(timeFormat)
}

// object writes a map of strings, numbers and flags, which cannot fail, as JSON.
func object[V any](m map[string]V) driver.Value {
	if len(m) == 0 {
		return nil
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil
	}
	return strings.TrimSuffix(b.String(), "\n")
}
