package middleware

import (
	"strings"

	"go.uber.org/zap"
)

// causeField is a log field with what an error comes from, without the words
// that were wrapped around it: those name the person.
func causeField(err error) zap.Field {
	return zap.String("cause", strings.Join(causes(err), ": "))
}

func causes(err error) []string {
	switch wrapped := err.(type) { //nolint:errorlint // it goes through the chain itself
	case interface{ Unwrap() error }:
		if inner := wrapped.Unwrap(); inner != nil {
			return causes(inner)
		}
	case interface{ Unwrap() []error }:
		var all []string
		for _, inner := range wrapped.Unwrap() {
			all = append(all, causes(inner)...)
		}
		return all
	}
	return []string{err.Error()}
}
