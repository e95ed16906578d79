package store

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"golang.org/x/text/language"
)

const maxLocale = 64

// A localeForm is what BCP 47 says of a tag.
type localeForm struct {
	tag     string
	tidy    string // tag itself where it cannot be brought into form
	problem string // of tag
}

// tagMemo holds the last tags of each hash that were looked at: to parse one takes
// five allocations, and a platform has a few dozen that come with every event. It is
// bounded, and takes no lock.
type tagMemo [512]atomic.Pointer[localeForm]

// maxRemembered is longer than the tags that are sent all the time.
const maxRemembered = 16

var (
	tags    tagMemo
	tagSeed = maphash.MakeSeed()
)

// form returns the form of a tag that is not longer than maxLocale.
func (m *tagMemo) form(tag string) localeForm {
	if len(tag) > maxRemembered {
		return parseLocale(tag)
	}
	slot := &m[maphash.String(tagSeed, tag)%uint64(len(m))]
	if f := slot.Load(); f != nil && f.tag == tag {
		return *f
	}
	f := parseLocale(strings.Clone(tag)) // it may point into a whole event
	slot.Store(&f)
	return f
}

func parseLocale(s string) localeForm {
	f := localeForm{tag: s, tidy: s}
	tag, err := language.Parse(s)
	if err != nil || tag == language.Und {
		f.problem = "is not a language tag that BCP 47 knows, such as pt-BR"
	}
	if err != nil {
		return f
	}
	tidy := tag.String()
	if tidy == s {
		return f
	}
	if again, err := language.Parse(tidy); err == nil && again.String() == tidy {
		f.tidy = tidy
	}
	return f
}

// tidyLocale leaves the few tags alone whose canonical form has yet another one,
// such as a private extension out of order.
func tidyLocale(s string) string {
	if len(s) > maxLocale {
		return s
	}
	if tidy := tags.form(s).tidy; tidy != s {
		return tidy
	}
	return s
}

const localeShape = "is not a language tag in the form of BCP 47, such as pt-BR"

func localeProblem(s string) string {
	if len(s) > maxLocale || strings.Contains(s, "_") {
		return localeShape
	}
	return tags.form(s).problem
}
