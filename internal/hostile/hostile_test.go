package hostile_test

import (
	"slices"
	"testing"

	"github.com/rollcall-go/rollcall/internal/hostile"
)

func TestCheckTellsHonestFromHarmful(t *testing.T) {
	t.Parallel()
	for _, s := range hostile.Honest {
		if err := hostile.Check(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	passes := 0
	for _, s := range hostile.Harmful {
		if hostile.Check(s) == nil {
			passes++
			if len(s) < 500 { // those are only too long
				t.Errorf("%+q passes", s)
			}
		}
	}
	if passes == 0 || passes > 10 {
		t.Errorf("%d harmful texts pass", passes)
	}
}

func TestTheCorpusIsLargeAndHasNoDuplicates(t *testing.T) {
	t.Parallel()
	texts := slices.Sorted(slices.Values(hostile.Texts))
	if n := len(slices.Compact(texts)); n != len(hostile.Texts) || n < 66 {
		t.Errorf("%d texts, %d of them different", len(hostile.Texts), n)
	}
	if len(hostile.KeyPairs) < 18 {
		t.Errorf("%d pairs of keys", len(hostile.KeyPairs))
	}
}
