package rocketchat

import (
	"cmp"
	"strings"
	"unicode/utf16"

	"github.com/rollcall-go/rollcall/store"
)

const (
	maxNickname = 120
	maxBio      = 260
)

// fullWidth has what a server refuses in a name. '%' is among it because one
// that begins no escape cannot be decoded, and one that does may hide the others.
var fullWidth = strings.NewReplacer("<", "＜", ">", "＞", `\`, "＼", "/", "／", "%", "％")

// nameOf is the name to show, never empty. What is shown for somebody without one
// changes with nothing else.
func nameOf(p store.Profile) string { return fullWidth.Replace(cmp.Or(p.Name, p.Key.String())) }

// cut returns the value of f with at most limit UTF-16 units, which is how the
// server counts, and without the half of a flag or letter at its end.
func cut(f store.Field, s string, limit int) string {
	units := 0
	for i, r := range s {
		if units += utf16.RuneLen(r); units > limit {
			kept, _ := store.Repair(f, s[:i])
			return kept
		}
	}
	return s
}
