package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// said is what "go test -json" prints, shortened.
const said = `
{"Action":"run","Test":"TestA"}
{"Action":"attr","Test":"TestA","Key":"figure","Value":"200 kills"}
{"Action":"attr","Test":"TestA","Key":"figure","Value":"0 lost"}
{"Action":"pass","Test":"TestA"}
{"Action":"run","Test":"TestB"}
{"Action":"pass","Test":"TestB/one"}
{"Action":"run","Test":"TestB/two"}
{"Action":"pass","Test":"TestB/two/a"}
{"Action":"pass","Test":"TestB/two/https://b"}
{"Action":"pass","Test":"TestB/two"}
{"Action":"pass","Test":"TestB"}
{"Action":"output","Test":"TestC","Output":"    c_test.go:7: there is no server\n"}
{"Action":"skip","Test":"TestC"}
{"Action":"output","Test":"TestD","Output":"    d_test.go:9: one is lost\n"}
{"Action":"fail","Test":"TestD"}
{"Action":"attr","Test":"TestE","Key":"figure","Value":"70 µs"}
{"Action":"attr","Test":"TestE","Key":"missed","Value":"50 µs were promised"}
{"Action":"pass","Test":"TestE"}
{"Action":"run","Test":"TestF"}
{"Action":"output","Output":"panic: boom\n"}
`

func reportOf(t *testing.T, lines string) *report {
	t.Helper()
	r := newReport()
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		r.add(e)
	}
	return r
}

var all = regexp.MustCompile("")

func TestRowsSayWhatIsHeld(t *testing.T) {
	s := suite{dir: "x", proofs: []proof{
		{"a", "TestA"}, {"b", "TestB"}, {"c", "TestC"}, {"d", "TestD"}, {"e", "TestE"}, {"f", "TestF"}, {"g", "TestRenamed"},
	}}
	want := []struct {
		state          state
		figure, detail string
	}{
		{held, "200 kills\n0 lost", ""},
		{held, "3 cases", ""},
		{notRun, "there is no server", ""},
		{notHeld, "", "one is lost"},
		{missed, "70 µs", ""},
		{notHeld, "", "panic: boom"},
		{notHeld, "", "no such test"},
	}
	rows := reportOf(t, said).rows(s, all, "exit status 1")
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i, w := range want {
		if r := rows[i]; r.state != w.state || r.figure != w.figure || !strings.Contains(r.detail, w.detail) {
			t.Errorf("row %d = %+v, want %+v", i, r, w)
		}
	}
	var b bytes.Buffer
	if ok, err := print(&b, rows, false, time.Second); ok || err != nil {
		t.Errorf("print = %v, %v with promises that are not held", ok, err)
	}
	for _, line := range []string{`(?m)^a +x TestA +200 kills +held$`, `(?m)^ +0 lost *$`} {
		if !regexp.MustCompile(line).MatchString(b.String()) {
			t.Errorf("no line is like %s: %s", line, &b)
		}
	}
	if ok, _ := print(&b, rows[:3], false, time.Second); !ok {
		t.Error("a test that was not run counts as not held")
	}
	if ok, _ := print(&b, rows[4:5], true, time.Second); !ok {
		t.Error("a time that this machine missed counts as not held")
	}
	if ok, _ := print(&b, rows[:3], true, time.Second); ok {
		t.Error("a test that was not run counts as held where servers are required")
	}
}

// A machine that does not let a test mount a disk fails nothing by it. That the test
// fails, or is gone, does.
func TestRowsOfAPrivilegedSuite(t *testing.T) {
	s := suite{dir: "x", privileged: true, proofs: []proof{{"c", "TestC"}, {"d", "TestD"}, {"g", "TestRenamed"}}}
	rows := reportOf(t, said).rows(s, all, "exit status 1")
	var b bytes.Buffer
	if ok, err := print(&b, rows[:1], true, time.Second); !ok || err != nil {
		t.Errorf("print = %v, %v where a privilege is not granted", ok, err)
	}
	if got := b.String(); !strings.Contains(got, "there is no server") || !strings.Contains(got, "1 not run") {
		t.Errorf("the table does not say that it was not run, and why: %s", got)
	}
	for _, r := range rows[1:] {
		if ok, _ := print(&b, []row{r}, true, time.Second); ok {
			t.Errorf("%s counts as held", r.test)
		}
	}
}

func TestRowsOfTestsThatNameTheirPromise(t *testing.T) {
	const lines = `
{"Action":"attr","Test":"TestA","Key":"promise","Value":"nobody is lost"}
{"Action":"pass","Test":"TestA"}
{"Action":"pass","Test":"TestHelper"}
{"Action":"fail","Test":"TestZ"}
`
	rows := reportOf(t, lines).rows(suite{dir: "x"}, all, "exit status 1")
	if len(rows) != 2 || rows[0].promise != "nobody is lost" || rows[0].state != held || rows[1].test != "TestZ" || rows[1].state != notHeld {
		t.Errorf("rows = %+v", rows)
	}
}

// What does not compile, or dies outside of any test, is not held either.
func TestRowsOfASuiteThatFailedAsAWhole(t *testing.T) {
	r := newReport()
	r.add(event{Action: "build-output", Output: "x.go:1: syntax error\n"})
	rows := r.rows(suite{dir: "x"}, all, "exit status 2")
	if len(rows) != 1 || rows[0].state != notHeld || !strings.Contains(rows[0].detail, "syntax error") {
		t.Errorf("rows = %+v", rows)
	}
}

func TestPatternNamesTestsAndSubtestsWhole(t *testing.T) {
	s := suite{dir: "x", proofs: []proof{{"a", "TestA"}, {"b", "TestB/one-of"}, {"c", "TestC"}}}
	if got, want := s.pattern(regexp.MustCompile("TestA|TestB")), "^TestA$|^TestB$/^one-of$"; got != want {
		t.Errorf("pattern = %s, want %s", got, want)
	}
}

func TestFuzzTargetsAreFoundInTheSource(t *testing.T) {
	root, err := rootOf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, err := runner{root: root, only: regexp.MustCompile("^store Fuzz")}.fuzzTargets(t.Context())
	if err != nil || !slices.Contains(found, target{"store", "FuzzMerge"}) {
		t.Errorf("%v, %v", found, err)
	}
	for _, f := range found {
		if f.dir != "store" {
			t.Errorf("%v was not wanted", f)
		}
	}
}
