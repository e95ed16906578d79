package store_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

func TestSourceIsItsNameInJSON(t *testing.T) {
	for _, source := range []store.Source{store.Observed, store.Declared, store.Pinned} {
		text, err := json.Marshal(source)
		if err != nil || string(text) != `"`+source.String()+`"` {
			t.Errorf("%d is %s, %v", source, text, err)
		}
		var back store.Source
		if err := json.Unmarshal(text, &back); err != nil || back != source {
			t.Errorf("%s is read as %d, %v", text, back, err)
		}
	}
	if _, err := json.Marshal(store.Pinned + 1); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an unknown source is written: %v", err)
	}
	var s store.Source
	if err := json.Unmarshal([]byte(`"guessed"`), &s); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an unknown source is read: %v", err)
	}
}
