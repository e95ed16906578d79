package pgstore

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-go/rollcall/store"
)

// The columns of the table people that show one value of a profile, by type.
// Profile.Value would copy the whole profile for each of them.
var textColumns = [...]struct {
	name string
	of   func(p *store.Profile) string
}{
	{"name", func(p *store.Profile) string { return p.Name }},
	{"given_name", func(p *store.Profile) string { return p.GivenName }},
	{"family_name", func(p *store.Profile) string { return p.FamilyName }},
	{"middle_name", func(p *store.Profile) string { return p.MiddleName }},
	{"nickname", func(p *store.Profile) string { return p.Nickname }},
	{"preferred_username", func(p *store.Profile) string { return p.PreferredUsername }},
	{"profile", func(p *store.Profile) string { return p.Profile }},
	{"picture", func(p *store.Profile) string { return p.Picture }},
	{"website", func(p *store.Profile) string { return p.Website }},
	{"email", func(p *store.Profile) string { return p.Email }},
	{"gender", func(p *store.Profile) string { return p.Gender }},
	{"birthdate", func(p *store.Profile) string { return p.Birthdate }},
	{"zoneinfo", func(p *store.Profile) string { return p.Zoneinfo }},
	{"locale", func(p *store.Profile) string { return p.Locale }},
	{"phone_number", func(p *store.Profile) string { return p.PhoneNumber }},
	{"address_formatted", func(p *store.Profile) string { return p.Address.Formatted }},
	{"address_street_address", func(p *store.Profile) string { return p.Address.StreetAddress }},
	{"address_locality", func(p *store.Profile) string { return p.Address.Locality }},
	{"address_region", func(p *store.Profile) string { return p.Address.Region }},
	{"address_postal_code", func(p *store.Profile) string { return p.Address.PostalCode }},
	{"address_country", func(p *store.Profile) string { return p.Address.Country }},
	{"username", func(p *store.Profile) string { return p.Username }},
	{"status", func(p *store.Profile) string { return string(p.Status) }},
	{"bio", func(p *store.Profile) string { return p.Bio }},
	{"start_payload", func(p *store.Profile) string { return p.StartPayload }},
}

var flagColumns = [...]struct {
	name string
	of   func(p *store.Profile) bool
}{
	{"email_verified", func(p *store.Profile) bool { return p.EmailVerified }},
	{"phone_number_verified", func(p *store.Profile) bool { return p.PhoneVerified }},
	{"is_premium", func(p *store.Profile) bool { return p.IsPremium }},
}

var (
	objectColumns = [...]string{"nicks", "custom"}
	timeColumns   = [...]string{"first_seen", "last_seen"}
)

// A column is one array of the statements that write people.
type column struct{ name, array, cast string }

// columns are in the order of personRows.args.
var columns = func() []column {
	all := []column{{"channel", "text[]", ""}, {"user_id", "text[]", ""}, {"record", "bytea[]", ""}, {"search", "text[]", ""}}
	for _, c := range textColumns {
		all = append(all, column{c.name, "text[]", ""})
	}
	for _, c := range flagColumns {
		all = append(all, column{c.name, "boolean[]", ""})
	}
	for _, name := range objectColumns {
		all = append(all, column{name, "text[]", "::jsonb"})
	}
	for _, name := range timeColumns {
		all = append(all, column{name, "timestamptz[]", ""})
	}
	return all
}()

// personRows are rows of the table people, column by column.
type personRows struct {
	channel, userID, search []string
	record                  [][]byte
	texts                   [len(textColumns)]optional[string]
	flags                   [len(flagColumns)][]bool
	objects                 [len(objectColumns)]optional[string]
	times                   [len(timeColumns)]optional[time.Time]
}

func (rows *personRows) add(r store.Record, p *store.Profile) error {
	blob, err := r.MarshalBinary()
	if err != nil {
		return err
	}
	n := len(rows.channel)
	rows.channel, rows.userID = append(rows.channel, r.Key.Channel), append(rows.userID, r.Key.UserID)
	rows.record, rows.search = append(rows.record, blob), append(rows.search, storable(store.SearchText(*p)))
	for i, c := range textColumns {
		if v := c.of(p); v != "" {
			rows.texts[i].set(n, storable(v))
		}
	}
	for i, c := range flagColumns {
		rows.flags[i] = append(rows.flags[i], c.of(p))
	}
	if len(p.Nicks) > 0 {
		rows.objects[0].set(n, object(p.Nicks))
	}
	if len(p.Custom) > 0 {
		rows.objects[1].set(n, object(p.Custom))
	}
	for i, t := range [...]time.Time{p.FirstSeen, p.LastSeen} {
		if !t.IsZero() {
			rows.times[i].set(n, t)
		}
	}
	return nil
}

func (rows *personRows) len() int { return len(rows.channel) }

func (rows *personRows) args() []any {
	args := make([]any, 0, len(columns))
	args = append(args, rows.channel, rows.userID, rows.record, rows.search)
	for i := range rows.texts {
		args = append(args, rows.texts[i].array())
	}
	for i := range rows.flags {
		args = append(args, rows.flags[i])
	}
	for i := range rows.objects {
		args = append(args, rows.objects[i].array())
	}
	for i := range rows.times {
		args = append(args, rows.times[i].array())
	}
	return args
}

// optional is a column in which most rows are NULL. unnest fills up an array that
// is shorter than the others with NULLs, so rows after the last value cost nothing.
type optional[T any] struct{ values []*T }

func (o *optional[T]) set(row int, v T) {
	for len(o.values) < row {
		o.values = append(o.values, nil)
	}
	o.values = append(o.values, &v)
}

// array returns a NULL array for a column without any value.
func (o *optional[T]) array() []*T { return o.values }

// storable returns what of s Postgres can hold as text. The column record has all
// of it.
func storable(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// object writes a map of strings, numbers and flags, which cannot fail, as JSON.
// Postgres refuses U+0000 in jsonb also where it is escaped.
func object[V any](m map[string]V) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return "{}"
	}
	text := b.String()
	if strings.Contains(text, `\u0000`) {
		return strings.ReplaceAll(text, `\u0000`, `\ufffd`) // of `\\u0000` a text is left that is JSON, too
	}
	return text
}

// writePeople returns the statements that insert people and that replace them.
func writePeople() (insert, update string) {
	var names, params, values, set []string
	for i, c := range columns {
		names = append(names, c.name)
		params = append(params, "$"+strconv.Itoa(i+1)+"::"+c.array)
		values = append(values, "n."+c.name+c.cast)
		if c.name != "channel" && c.name != "user_id" {
			set = append(set, c.name+" = n."+c.name+c.cast)
		}
	}
	list := strings.Join(names, ", ")
	from := " FROM unnest(" + strings.Join(params, ", ") + ") AS n (" + list + ")"
	insert = "INSERT INTO rollcall.people (forgotten, " + list + ") SELECT false, " + strings.Join(values, ", ") + from
	update = "UPDATE rollcall.people AS p SET " + strings.Join(set, ", ") + from +
		" WHERE p.channel = n.channel AND p.user_id = n.user_id"
	return insert, update
}

var insertPeopleSQL, updatePeopleSQL = writePeople()
