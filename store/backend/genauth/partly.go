package genauth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// A problem is what did not arrive of a delivery, and why.
type problem struct {
	fields []store.Field
	err    error
}

// problemOf is about one field.
func problemOf(f store.Field, text string) problem {
	return problem{[]store.Field{f}, &store.FieldError{Field: f, Problem: text}}
}

// A partlyError says what did not arrive of a delivery of which all else did.
type partlyError []problem

// partly returns nil where there are no problems.
func partly(problems []problem) error {
	if len(problems) == 0 {
		return nil
	}
	return partlyError(problems)
}

func (e partlyError) Error() string {
	texts := make([]string, len(e))
	for i, p := range e {
		texts[i] = p.err.Error()
	}
	return "all but this arrived: " + strings.Join(texts, "; ")
}

func (e partlyError) Unwrap() []error {
	errs := make([]error, len(e))
	for i, p := range e {
		errs[i] = p.err
	}
	return errs
}

// refused returns the fields that did not arrive. nil: what did not is no field,
// so that the whole person has to be delivered once more.
func (e partlyError) refused() []store.Field {
	var fields []store.Field
	for _, p := range e {
		if len(p.fields) == 0 {
			return nil
		}
		fields = append(fields, p.fields...)
	}
	return fields
}

// receipt is that of a delivery which came as far as the account u, nil for none
// that is confirmed.
func receipt(key store.Key, u *User, err error) (store.Receipt, error) {
	var r store.Receipt
	if u != nil {
		r.Remote = u.UserID
	}
	arrived, inPart := errors.AsType[partlyError](err)
	if u != nil && (err == nil || inPart) {
		r.Answer = u
	}
	if err != nil {
		r.Refused = arrived.refused()
		err = fmt.Errorf("genauth: deliver %s: %w", key, err)
	}
	return r, err
}
