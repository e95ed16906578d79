package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// A suite is one run of "go test".
type suite struct {
	dir  string   // from the root of the repository
	args []string // for the test binary
	soak []string // further ones for the large sizes
	// beside says that the tests mostly wait, for servers that elect a leader: what
	// comes after them is run meanwhile.
	beside bool
	// privileged means that the tests take what not every machine grants, such as to
	// mount a disk. Where they are skipped the table shows why, and nothing fails.
	privileged bool
	// proofs are the tests that are run. nil: all, and each says itself what it
	// proves, with t.Attr("promise", ...).
	proofs []proof
}

// A proof is a test, or a subtest, and what it proves. A test that is not there
// holds no promise.
type proof struct{ promise, test string }

// wanted are the proofs whose test is.
func (s suite) wanted(only *regexp.Regexp) []proof {
	return slices.DeleteFunc(slices.Clone(s.proofs), func(p proof) bool { return !only.MatchString(s.dir + " " + p.test) })
}

// pattern is the regular expression for -run of the wanted tests, "" for none.
func (s suite) pattern(only *regexp.Regexp) string {
	if s.proofs == nil {
		return cmp.Or(only.String(), "^Test")
	}
	var all []string
	for _, p := range s.wanted(only) {
		all = append(all, "^"+strings.ReplaceAll(regexp.QuoteMeta(p.test), "/", "$/^")+"$")
	}
	return strings.Join(all, "|")
}
