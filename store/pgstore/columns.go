package pgstore

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

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

// A width is how many columns of people an update writes. To send and to unpack what
// stays as it is would take a third of its time.
type width int

const (
	seen  width = iota // when they were seen
	usual              // and what platforms tell of nearly everybody
	whole
)

var usualColumns = map[string]bool{
	"name": true, "given_name": true, "family_name": true, "username": true, "picture": true, "locale": true, "status": true,
	"is_premium": true, "nicks": true,
}

// widthOf returns what shows these changes of a profile, and also a name that is made
// of its parts.
func widthOf(changed []store.Field) width {
	w := seen
	for _, f := range changed {
		if !usualColumns[string(f)] && !strings.HasPrefix(string(f), "nicks.") {
			return whole
		}
		w = usual
	}
	return w
}

var keyColumns = []column{{"channel", "text[]", ""}, {"user_id", "text[]", ""}}

// columnsOf are those of a width, without the key.
func columnsOf(w width) (all []column) {
	(&personRows{}).each(w, func(c column, _ any) { all = append(all, c) })
	return all
}

// personRows are rows of the table people, column by column.
type personRows struct {
	tid                     []string // of those that are there
	channel, userID, search []string
	record                  pgtype.FlatArray[[]byte]
	texts                   [len(textColumns)]optional[string]
	flags                   [len(flagColumns)]pgtype.FlatArray[bool]
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

// each visits the columns of a width in their order, all but the key.
func (rows *personRows) each(w width, visit func(c column, array any)) {
	some := func(c column, array any) {
		if w == whole || w == usual && usualColumns[c.name] {
			visit(c, array)
		}
	}
	visit(column{"record", "bytea[]", ""}, rows.record)
	for i, name := range timeColumns {
		visit(column{name, "timestamptz[]", ""}, rows.times[i].array())
	}
	if w != seen {
		visit(column{"search", "text[]", ""}, rows.search)
	}
	for i, c := range textColumns {
		some(column{c.name, "text[]", ""}, rows.texts[i].array())
	}
	for i, c := range flagColumns {
		some(column{c.name, "boolean[]", ""}, rows.flags[i])
	}
	for i, name := range objectColumns {
		some(column{name, "text[]", "::jsonb"}, rows.objects[i].array())
	}
}

// arrays are the values of the columns of a width, without the key.
func (rows *personRows) arrays(w width) (all []any) {
	rows.each(w, func(_ column, array any) { all = append(all, array) })
	return all
}

func (rows *personRows) keys() []any { return []any{rows.channel, rows.userID} }

func (rows *personRows) len() int { return len(rows.channel) }

var insertPeopleSQL = insertText("people", slices.Concat(keyColumns, columnsOf(whole)), "forgotten, ", "false, ")

// The statements that replace people, by width.
var updatePeopleSQL, updatePeoplePlain = func() (texts, plain [whole + 1]string) {
	for w := range whole + 1 {
		texts[w], plain[w] = updateTexts("people", keyColumns, columnsOf(w))
	}
	return texts, plain
}()

// writePeople queues to write who is new, and those columns of a width of who was
// locked.
func (tx *transaction) writePeople(created, changed *personRows, w width) {
	if created.len() > 0 {
		tx.queue(insertPeopleSQL, slices.Concat(created.keys(), created.arrays(whole))...)
	}
	if changed.len() > 0 {
		tx.change(updatePeopleSQL[w], changed.tid, changed.keys(), changed.arrays(w))
	}
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
func (o *optional[T]) array() pgtype.FlatArray[*T] { return o.values }

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
