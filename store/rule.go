package store

// A rule says which values a field can have.
type rule struct {
	// max is the length of free text in characters. 0 means that the value has a
	// format, which the functions know.
	max int
	// tidy brings an observed value into the field's format where it can, and
	// leaves it as it is where it cannot. nil means that there is but one way
	// to write a value.
	tidy func(string) string
	// problem says what is wrong with a value, "" for nothing.
	problem func(string) string
}

// The lengths are what the platforms allow with room to spare: Telegram has
// names of 64 characters and bios of 140, Discord names of 32 and bios of 190.
// Four bytes a character, the longest text is what Repair looks at.
var (
	personName  = rule{max: 128}
	addressLine = rule{max: 256}
	longText    = rule{max: 1000}

	httpsURL    = rule{problem: urlProblem}
	email       = rule{problem: emailProblem}
	phoneNumber = rule{tidy: tidyPhone, problem: phoneProblem}
	locale      = rule{tidy: tidyLocale, problem: localeProblem}
	gender      = rule{tidy: tidyGender, problem: genderProblem}
	birthdate   = rule{problem: birthdateProblem}
	zoneinfo    = rule{problem: zoneProblem}
	status      = rule{problem: statusProblem}
	flag        = rule{problem: flagProblem}
)

// ruleOf returns the rule of a field. Custom fields have none: their values are
// JSON, and their [CustomField] knows the rest.
func ruleOf(f Field) (rule, bool) {
	if s, ok := specs[f]; ok {
		return s.rule, true
	}
	if id, ok := f.nick(); ok && idProblem(id) == "" {
		return personName, true
	}
	return rule{}, false
}

// check says what is wrong with a value, "" for nothing.
func (r rule) check(value string) string {
	if r.max > 0 {
		return textProblem(value, r.max)
	}
	return r.problem(value)
}
