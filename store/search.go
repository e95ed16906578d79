package store

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// SearchText returns the text that a [Filter]'s Search looks into, folded by
// [FoldSearch]. A store may keep it beside the profile.
func SearchText(p Profile) string {
	parts := []string{p.Name, p.GivenName, p.FamilyName, p.Nickname, p.PreferredUsername, p.Username, p.Email}
	for _, id := range slices.Sorted(maps.Keys(p.Nicks)) {
		parts = append(parts, p.Nicks[id])
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return FoldSearch(strings.Join(parts, "\n"))
}

// FoldSearch brings text into the form in which Search compares it: Unicode
// case folding over compatibility composition, so that "STRASSE" finds
// "Straße". A query is folded the same way.
func FoldSearch(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return strings.ToLower(s)
	}
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}

func matchSearch(p Profile, query string) bool {
	return strings.Contains(SearchText(p), FoldSearch(query))
}
