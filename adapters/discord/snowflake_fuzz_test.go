package discord

import (
	"strconv"
	"testing"
)

// One person has one id, in one way of writing it.
func FuzzParseID(f *testing.F) {
	for _, s := range []string{"80351110224678912", "18446744073709551615", "18446744073709551616", "0", "01", "+1", "-1", "1e3", "", "1 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := parseID(s)
		want, err := strconv.ParseUint(s, 10, 64)
		if right := err == nil && want != 0 && strconv.FormatUint(want, 10) == s; ok != right || ok && id != want {
			t.Errorf("parseID(%q) = %d, %t; it is %d, %t", s, id, ok, want, right)
		}
		if ok && (formatID(id) != s || snowflakeTime(id).IsZero()) {
			t.Errorf("%q comes back as %q, of %s", s, formatID(id), snowflakeTime(id))
		}
	})
}
