package middleware

import (
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// deliveryOf makes of a claim what the backend is asked to do. uncleared are the
// fields that it would have to clear and cannot. needed is false where there is
// nothing to ask.
func deliveryOf(c store.Claim, t store.Traits) (d store.Delivery, uncleared []store.Field, needed bool) {
	p := c.Record.Profile()
	d = store.Delivery{
		Profile: p,
		All:     c.Standing.All || t.Replaces,
		Remote:  c.Standing.Remote,
		Attempt: c.Standing.Attempts + 1,
	}
	fields := slices.Clone(c.Standing.Fields)
	if d.All {
		fields = append(fields, p.Stated()...)
	} else if slices.ContainsFunc(fields, partOfName) && nameIsMade(p) {
		fields = append(fields, store.FieldName)
	}
	slices.Sort(fields)
	for _, f := range slices.Compact(fields) {
		switch {
		case t.Takes != nil && !t.Takes(f):
		case t.CannotClear && p.Value(f) == "":
			uncleared = append(uncleared, f)
		default:
			d.Fields = append(d.Fields, f)
		}
	}
	return d, uncleared, !c.Record.Key.IsZero() && (c.Standing.All || len(d.Fields) > 0)
}

func partOfName(f store.Field) bool {
	return f == store.FieldGivenName || f == store.FieldMiddleName || f == store.FieldFamilyName
}

// nameIsMade reports whether p.Name is made of its parts, so that it changes with
// them.
func nameIsMade(p store.Profile) bool {
	parts := strings.Fields(p.GivenName + " " + p.MiddleName + " " + p.FamilyName)
	return slices.Equal(strings.Fields(p.Name), parts)
}
