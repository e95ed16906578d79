package store

import (
	"errors"
	"fmt"
)

// Validate returns nil when p can be kept as it is. A person or an owner who
// states a value can be told what is wrong with it, so nothing is repaired
// here: text that [Repair] would change is refused.
//
// The error wraps ErrInvalid. It is about the Key, the Source or the time, or
// else joins one *FieldError for each field that is at fault, sorted by field,
// so that the person can be told all at once: errors.As finds the first of
// them, and Unwrap() []error gives them all. custom defines the keys that
// custom fields may have.
func (p Patch) Validate(custom CustomFields) error {
	if err := p.Key.Validate(); err != nil {
		return err
	}
	if p.Source > Pinned {
		return fmt.Errorf("patch has an unknown source: %w", ErrInvalid)
	}
	if p.At.IsZero() {
		return fmt.Errorf("patch has no time: %w", ErrInvalid)
	}
	var problems []error
	for _, f := range p.fields() {
		value, set := p.Set[f]
		if problem := fieldProblem(f, value, set, custom); problem != "" {
			problems = append(problems, &FieldError{Field: f, Problem: problem})
		}
	}
	return errors.Join(problems...)
}

func fieldProblem(f Field, value string, set bool, custom CustomFields) string {
	if id, ok := f.nick(); ok {
		if p := idProblem(id); p != "" {
			return "names a guild whose id " + p
		}
	}
	if key, ok := f.custom(); ok {
		if p := customKeyProblem(key); p != "" {
			return p
		}
		c, ok := custom.find(key)
		switch {
		case !ok:
			return "is not defined: add it to Options.CustomFields"
		case !set:
			return ""
		}
		return c.problem(value)
	}
	r, ok := ruleOf(f)
	switch {
	case !ok:
		return "is not a field of a profile; for a custom field use store.CustomKey"
	case !set:
		return ""
	case value == "":
		return emptyProblem
	case holdsBotToken(value):
		return tokenProblem
	}
	return r.check(value)
}

const emptyProblem = "is empty: to take a value back, unset the field"
