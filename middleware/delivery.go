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
	if c.Record.Key.IsZero() {
		return store.Delivery{}, nil, false
	}
	p := c.Record.Profile()
	d = store.Delivery{
		Profile: p,
		All:     c.Standing.All || t.Replaces,
		Remote:  c.Standing.Remote,
		Version: c.Standing.Version,
		Attempt: c.Standing.Attempts + 1,
	}
	for _, f := range changedFields(c.Standing.Fields, p) {
		switch {
		case t.Takes != nil && !t.Takes(f):
		case t.CannotClear && p.Value(f) == "":
			uncleared = append(uncleared, f)
		default:
			d.Fields = append(d.Fields, f)
		}
	}
	needed = c.Standing.All || len(d.Fields) > 0
	if needed && d.All {
		for _, f := range p.Stated() {
			if t.Takes == nil || t.Takes(f) {
				d.Fields = append(d.Fields, f)
			}
		}
		slices.Sort(d.Fields)
		d.Fields = slices.Compact(d.Fields)
	}
	return d, uncleared, needed
}

// changedFields are the fields that changed, with the name where it is made of
// parts, one of which did.
func changedFields(changed []store.Field, p store.Profile) []store.Field {
	if !slices.ContainsFunc(changed, partOfName) || !nameIsMade(p) {
		return changed
	}
	fields := append(slices.Clone(changed), store.FieldName)
	slices.Sort(fields)
	return slices.Compact(fields)
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
