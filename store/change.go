package store

import "strings"

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
// call inside a transaction.
func (r Record) Apply(delta Record) (Record, Change) {
	merged := Merge(r, delta)
	return merged, Change{
		Profile:  merged.Profile(),
		Created:  r.FirstSeen.IsZero() && !merged.FirstSeen.IsZero(),
		Fields:   changedFields(r, merged),
		Outdated: outdated(merged, delta),
		Same:     merged.Equal(r),
	}
}

func changedFields(before, after Record) []Field {
	var fields []Field
	was, seen := collect(before), collect(after)
	i, j := 0, 0
	for i < len(was) || j < len(seen) {
		c := 0
		switch {
		case i == len(was):
			c = 1
		case j == len(seen):
			c = -1
		default:
			c = strings.Compare(string(was[i].Field), string(seen[j].Field))
		}
		switch {
		case c < 0:
			fields = append(fields, was[i].Field)
			i++
		case c > 0:
			fields = append(fields, seen[j].Field)
			j++
		default:
			if was[i].Value != seen[j].Value {
				fields = append(fields, was[i].Field)
			}
			i++
			j++
		}
	}
	return fields
}

func collect(r Record) []Register {
	regs := make([]Register, 0, len(r.Registers))
	for reg := range r.visible {
		regs = append(regs, reg)
	}
	return regs
}

func outdated(merged, delta Record) bool {
	i := 0
	for _, d := range delta.Registers {
		for merged.Registers[i].comparePlace(d) != 0 {
			i++
		}
		m := merged.Registers[i]
		if d.Field == FieldStartPayload && d.Source == Observed {
			continue
		}
		if m.Value != d.Value || m.Cleared != d.Cleared {
			return true
		}
	}
	return false
}
