package store

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Source says who stated a field. A reader of a Profile sees the highest
// source that says anything, field by field.
type Source uint8

// The sources, lowest first.
const (
	Observed Source = iota // the platform said it, in an event of the person's
	Declared               // the person told the bot
	Pinned                 // the bot's owner decided it
)

// String returns "observed", "declared" or "pinned".
func (s Source) String() string {
	switch s {
	case Observed:
		return "observed"
	case Declared:
		return "declared"
	case Pinned:
		return "pinned"
	default:
		return "unknown"
	}
}

// MarshalText is String, for JSON. The error wraps ErrInvalid.
func (s Source) MarshalText() ([]byte, error) {
	if s > Pinned {
		return nil, fmt.Errorf("source %d is none: %w", uint8(s), ErrInvalid)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what MarshalText writes. The error wraps ErrInvalid.
func (s *Source) UnmarshalText(text []byte) error {
	for source := Observed; source <= Pinned; source++ {
		if source.String() == string(text) {
			*s = source
			return nil
		}
	}
	return fmt.Errorf("a source is observed, declared or pinned: %w", ErrInvalid)
}

// A Patch is what one Source states of one person at one time. A field in Set
// has that value; a field in Clear has none, or no longer has one from this
// source; of every other field nothing is said, and what is kept of it stays.
type Patch struct {
	Key    Key
	Source Source
	// At is when the source said it, by the platform's clock where there is
	// one. It decides between two patches, whatever order they arrive in.
	At time.Time
	// Set holds values in the form of a Register: text as it is, flags as
	// "true", custom values as JSON. An empty value says the same as Clear, and a
	// field that is in both is set.
	Set   map[Field]string
	Clear []Field
}

// Record returns p as the Record that knows nothing else, which is the form in
// which stores take it. An Observed patch counts as the person having been
// seen at p.At. Values are taken as they are: [Patch.Validate] and [Repair]
// come before.
func (p Patch) Record() Record {
	at := normalTime(p.At)
	r := Record{Key: p.Key, Registers: make([]Register, 0, len(p.Set)+len(p.Clear))}
	if p.Source == Observed {
		r.FirstSeen, r.LastSeen = at, at
	}
	for f, v := range p.Set {
		r.Registers = append(r.Registers, Register{Field: f, Source: p.Source, Cleared: v == "", Value: v, At: at})
	}
	for _, f := range p.Clear {
		if _, both := p.Set[f]; !both {
			r.Registers = append(r.Registers, Register{Field: f, Source: p.Source, Cleared: true, At: at})
		}
	}
	return NewRecord(r.Key, r.FirstSeen, r.LastSeen, r.Registers)
}

// PatchOf returns the patch by which source states the fields of p that are not
// zero. Key, FirstSeen and LastSeen of p are not part of it. An email or phone
// number that comes without its verified flag clears the flag that the same
// source gave the one before. The error is a *FieldError, for a value in Custom
// whose Go type cannot be kept; the values themselves are the matter of
// [Patch.Validate].
func PatchOf(key Key, source Source, at time.Time, p Profile) (Patch, error) {
	patch := Patch{Key: key, Source: source, At: at, Set: make(map[Field]string)}
	for _, s := range specList {
		if v := s.get(&p); v != "" {
			patch.Set[s.field] = v
		}
	}
	for id, v := range p.Nicks {
		patch.Set[NickField(id)] = v
	}
	for _, name := range slices.Sorted(maps.Keys(p.Custom)) {
		text, problem := customText(p.Custom[name])
		if problem != "" {
			return Patch{}, &FieldError{Field: CustomKey(name), Problem: problem}
		}
		patch.Set[CustomKey(name)] = text
	}
	for flag, of := range flagOf {
		if patch.Set[of] != "" && patch.Set[flag] == "" {
			patch.Clear = append(patch.Clear, flag)
		}
	}
	slices.Sort(patch.Clear)
	return patch, nil
}

// fields that a patch speaks of, sorted, for errors that do not depend on the
// order of a map.
func (p Patch) fields() []Field {
	fields := slices.Clone(p.Clear)
	for f := range p.Set {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}
