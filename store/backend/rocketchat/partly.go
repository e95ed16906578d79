package rocketchat

import (
	"errors"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// A missing says what did not arrive of a delivery of which all else did. The zero
// missing is that all did.
type missing struct {
	errs    []error
	fields  []store.Field
	another bool // something that is no field, so that everything stays owed
}

func (m *missing) add(err error, fields ...store.Field) {
	m.errs = append(m.errs, err)
	m.fields = append(m.fields, fields...)
	m.another = m.another || len(fields) == 0
}

// err returns nil where nothing is missing.
func (m *missing) err() error {
	if len(m.errs) == 0 {
		return nil
	}
	return m
}

func (m *missing) Error() string {
	texts := make([]string, len(m.errs))
	for i, err := range m.errs {
		texts[i] = err.Error()
	}
	return "all but this arrived: " + strings.Join(texts, "; ")
}

func (m *missing) Unwrap() []error { return m.errs }

// receipt is that of a delivery which ended with err. remote is "" and answer nil
// where it did not come so far.
func receipt(remote string, answer any, err error) store.Receipt {
	r := store.Receipt{Remote: remote}
	m, inPart := errors.AsType[*missing](err)
	if err == nil || inPart {
		r.Answer = answer
	}
	if inPart && !m.another {
		r.Refused = m.fields
	}
	return r
}
