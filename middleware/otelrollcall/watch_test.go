package otelrollcall

import (
	"errors"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

// Where it were taken, the program would end with the first collection of metrics.
func TestWatchRefusesTheNilOfANewThatFailed(t *testing.T) {
	tel, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tel.Watch(nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Watch(nil) = %v", err)
	}
}
