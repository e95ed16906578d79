package store

import "slices"

// A Change says what one delta did to one person.
type Change struct {
	// Profile is the person after it. Zero when Suppressed.
	Profile Profile
	// Created is true when this is the first time that the person was seen.
	Created bool
	// Fields are those whose visible value changed, sorted. FirstSeen and
	// LastSeen never count as a change, nor does a Name made of its parts.
	Fields []Field
	// Outdated is true when something in the delta lost to what was said later
	// and is already kept. A start payload that is not the first does not count.
	Outdated bool
	// Same is true when the record did not change at all, so that a store has
	// nothing to write.
	Same bool
	// Suppressed is true when the person was forgotten with a tombstone: the
	// delta was refused and nothing is kept.
	Suppressed bool
}

// Apply joins delta to r, which is what is kept of the person, or a zero Record.
// It returns the record to keep and the Change to report. Every store is this
// call inside a transaction. The registers of what it returns may be those of r or
// of delta: a store that keeps the Record itself keeps a copy of them.
func (r Record) Apply(delta Record) (Record, Change) {
	merged := Merge(r, delta)
	c := Change{
		Profile:  merged.Profile(),
		Created:  r.FirstSeen.IsZero() && !merged.FirstSeen.IsZero(),
		Fields:   changedFields(r, merged),
		Outdated: outdated(merged, delta),
		Same:     merged.Equal(r),
	}
	// Whoever was seen is active without a register that says so.
	said, changed := slices.Contains(c.Fields, FieldStatus), false
	if said || c.Created {
		changed = r.Profile().Status != c.Profile.Status
	}
	switch {
	case changed && !said:
		c.Fields = union(c.Fields, []Field{FieldStatus})
	case said && !changed:
		c.Fields = slices.DeleteFunc(c.Fields, func(f Field) bool { return f == FieldStatus })
	}
	return merged, c
}

// changedFields compares what a reader saw before with what one sees after.
func changedFields(before, after Record) []Field {
	var fields []Field
	was, is := view{rest: before.Registers}, view{rest: after.Registers}
	x, y := was.next(), is.next()
	for x != nil || y != nil {
		switch {
		case y == nil || x != nil && x.Field < y.Field:
			fields = append(fields, x.Field)
			x = was.next()
		case x == nil || y.Field < x.Field:
			fields = append(fields, y.Field)
			y = is.next()
		default:
			if x.Value != y.Value {
				fields = append(fields, x.Field)
			}
			x, y = was.next(), is.next()
		}
	}
	return fields
}

// outdated looks for what delta says and merged does not.
func outdated(merged, delta Record) bool {
	rest := merged.Registers
	for i := range delta.Registers {
		d := &delta.Registers[i]
		for len(rest) > 0 && rest[0].comparePlace(d) < 0 {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return false
		}
		kept := &rest[0]
		if kept.comparePlace(d) != 0 || d.Field == FieldStartPayload && d.Source == Observed {
			continue
		}
		if kept.Value != d.Value || kept.Cleared != d.Cleared {
			return true
		}
	}
	return false
}
