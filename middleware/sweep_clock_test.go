package middleware

import (
	"testing"
	"time"
)

func TestAClockThatIsSetAheadErasesNobody(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ now, want time.Time }{
		"right":         {began.Add(day), began.Add(day)},
		"a year ahead":  {began.Add(366 * day), began.Add(day)},
		"a day behind":  {began, began},
		"a year behind": {began.Add(-364 * day), began.Add(-364 * day)},
	} {
		if got := notAhead(began, day, c.now); !got.Equal(c.want) {
			t.Errorf("%s: %s; want %s", name, got, c.want)
		}
	}
}

const day = 24 * time.Hour
