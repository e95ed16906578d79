package main

import (
	"regexp"
	"strings"
)

// An event is a line of "go test -json".
type event struct {
	Action, Test, Output, Key, Value string
	Elapsed                          float64 // seconds
}

// A report is what a run of "go test" said of each test.
type report struct {
	tests map[string]*result
	order []string
	// output is what belongs to no test, such as a panic or what does not compile.
	output strings.Builder
}

type result struct {
	promise string   // t.Attr("promise", ...)
	figures []string // t.Attr("figure", ...)
	missed  bool     // t.Attr("missed", ...): the figure is beyond its promise
	action  string   // pass, fail or skip; "" when it did not end
	passed  int      // subtests within which there is no other
	divided bool     // has subtests
	output  strings.Builder
}

func newReport() *report { return &report{tests: make(map[string]*result)} }

func (r *report) test(name string) *result {
	t := r.tests[name]
	if t == nil {
		t = &result{}
		r.tests[name] = t
		r.order = append(r.order, name)
		if of := r.parent(name); of != "" {
			r.tests[of].divided = true
		}
	}
	return t
}

// parent is the test that name is a subtest of, "" for none. A subtest's own name may
// have slashes in it.
func (r *report) parent(name string) string {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name, '/') {
		if name = name[:i]; r.tests[name] != nil {
			return name
		}
	}
	return ""
}

func (r *report) add(e event) {
	if e.Test == "" {
		if e.Action == "output" || e.Action == "build-output" {
			r.output.WriteString(e.Output)
		}
		return
	}
	t := r.test(e.Test)
	switch e.Action {
	case "output":
		t.output.WriteString(e.Output)
	case "attr":
		switch e.Key {
		case "promise":
			t.promise = e.Value
		case "figure":
			t.figures = append(t.figures, e.Value)
		case "missed":
			t.missed = true
		}
	case "pass":
		t.action = e.Action
		for of := r.parent(e.Test); of != "" && !t.divided; of = r.parent(of) {
			r.tests[of].passed++
		}
	case "fail", "skip":
		t.action = e.Action
	}
}

// rows are those of a suite's promises. failed is what "go test" said when it
// failed as a whole.
func (r *report) rows(s suite, only *regexp.Regexp, failed string) []row {
	var rows []row
	seen := make(map[string]bool)
	add := func(promise, name string) {
		seen[name] = true
		rows = append(rows, r.row(promise, s, name, failed))
	}
	for _, p := range s.wanted(only) {
		add(p.promise, p.test)
	}
	if s.proofs == nil {
		for _, name := range r.order {
			if t := r.tests[name]; t.promise != "" {
				add(t.promise, name)
			}
		}
		for _, name := range r.order {
			if t := r.tests[name]; !seen[name] && t.action != "pass" && t.action != "skip" && !strings.Contains(name, "/") {
				add("-", name) // it failed before it said what it proves
			}
		}
	}
	if failed != "" && !anyNotHeld(rows) {
		rows = append(rows, row{promise: "-", where: s.dir, state: notHeld, detail: failed + r.output.String()})
	}
	return rows
}

func anyNotHeld(rows []row) bool {
	for _, x := range rows {
		if x.state == notHeld {
			return true
		}
	}
	return false
}

// row is that of one test.
func (r *report) row(promise string, s suite, name, failed string) row {
	x := row{promise: promise, where: s.dir, test: name, state: notHeld, privileged: s.privileged}
	t := r.tests[name]
	if t == nil {
		x.detail = "there is no such test\n" + failed + r.output.String()
		return x
	}
	x.figure = t.figure()
	switch {
	case t.action == "pass" && t.missed:
		x.state = missed
	case t.action == "pass":
		x.state = held
	case t.action == "skip":
		x.state, x.figure = notRun, t.whySkipped()
	default:
		x.detail = r.outputOf(name)
		if t.action == "" {
			x.detail += "it did not end\n" + failed + r.output.String()
		}
	}
	return x
}

// outputOf is what a test said, and its subtests.
func (r *report) outputOf(name string) string {
	var b strings.Builder
	for _, n := range r.order {
		if n == name || strings.HasPrefix(n, name+"/") && r.tests[n].action != "pass" {
			b.WriteString(r.tests[n].output.String())
		}
	}
	return b.String()
}

func (t *result) figure() string {
	switch {
	case len(t.figures) > 0:
		return strings.Join(t.figures, "\n")
	case t.passed > 0:
		return plural(t.passed, "case")
	}
	return ""
}

var skipLine = regexp.MustCompile(`(?m)^ *\w+\.go:\d+: (.*)$`)

func (t *result) whySkipped() string {
	all := skipLine.FindAllStringSubmatch(t.output.String(), -1)
	if len(all) == 0 {
		return "no reason given"
	}
	return all[len(all)-1][1]
}
