package otelrollcall

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

func TestErrorTypes(t *testing.T) {
	odd := errors.New("Ann is odd")
	for want, err := range map[string]error{
		"throttled":    fmt.Errorf("crm: %w", &store.ThrottledError{Err: odd}),
		"denied":       fmt.Errorf("crm: %w", store.ErrDenied),
		"cannot_erase": fmt.Errorf("crm: %w", store.ErrCannotErase),
		"invalid":      fmt.Errorf("crm: %w", &store.FieldError{Field: store.FieldName, Problem: "is odd"}),
		"timeout":      fmt.Errorf("%w: %w", store.ErrUnavailable, context.DeadlineExceeded),
		"canceled":     fmt.Errorf("%w: %w", store.ErrUnavailable, context.Canceled),
		"unanswered":   fmt.Errorf("crm: %w", store.ErrUnanswered),
		"closed":       fmt.Errorf("crm: %w", store.ErrClosed),
		"unavailable":  fmt.Errorf("crm: %w", store.ErrUnavailable),
		"_OTHER":       odd,
	} {
		if got := errorType(err); got != want {
			t.Errorf("errorType(%v) = %q, want %q", err, got, want)
		}
	}
}
