package rollcall_test

import (
	"slices"
	"strings"
	"testing"
)

// A rule that cannot fail keeps nothing. Each plant is a small tree with one
// violation, and what its rule must say of it.
type plant struct {
	rule string
	tree tree
	want string
}

var plants = []plant{
	{"imports", planted("store", imported("go.uber.org/zap")), "store imports the module go.uber.org/zap"},
	{"imports", planted("store", imported(module+"/middleware")), "store imports middleware"},
	{"imports", planted("middleware", imported(module+"/store/sqlitestore")), "middleware imports store/sqlitestore"},
	{"imports", planted("middleware", imported(module+"/adapters/telegram")), "middleware imports adapters/telegram"},
	{"imports", planted("adapters/telegram", imported(module+"/adapters/discord")), "adapters/telegram imports adapters/discord"},
	{"imports", planted("adapters/discord", imported("github.com/bwmarrin/discordgo", "go.uber.org/zap")), "adapters/discord imports 2 modules"},
	{"imports", planted("store/sqlitestore", imported("modernc.org/sqlite", "go.uber.org/zap")), "store/sqlitestore imports the module go.uber.org/zap"},
	{"imports", planted("adapters/irc", imported("gopkg.in/telebot.v3", "go.uber.org/zap")), "adapters/irc imports 2 modules"},
	{"imports", planted("adapters/adaptertest", imported("pgregory.net/rapid")), "adapters/adaptertest imports the module pgregory.net/rapid"},
	{"imports", planted("helpers"), "helpers: no allowance"},
	{"linked", planted("adapters/telegram", deps("github.com/gorilla/websocket")), "adapters/telegram links github.com/gorilla/websocket"},
	{"linked", planted("adapters/discord", deps("gopkg.in/telebot.v3")), "adapters/discord links gopkg.in/telebot.v3"},
	{"linked", planted("examples/discord", program, deps("gopkg.in/telebot.v3")), "examples/discord links gopkg.in/telebot.v3"},
	{"linked", planted("examples/fleet", program, deps("go.opentelemetry.io/otel/metric")), "examples/fleet links go.opentelemetry.io/otel/metric"},
	{"imports", planted("middleware/otelrollcall", imported("go.opentelemetry.io/otel/sdk")), "middleware/otelrollcall imports the module go.opentelemetry.io/otel/sdk"},
	{"imports", planted("adapters/telegram", imported(module+"/middleware/otelrollcall")), "adapters/telegram imports middleware/otelrollcall"},
	{"linked", planted("store", deps("go.uber.org/zap")), "store links go.uber.org/zap"},
	{"no testing in bots", planted("middleware", deps("testing")), "middleware links package testing"},
	{"no testing in bots", planted("examples/telegram", program, deps("testing")), "examples/telegram links package testing"},
	{"documented", planted("store", func(p *pkg, _ tree) { p.Doc = "" }), "store has no package comment"},
	{"documented", planted("examples/quickstart", program, func(p *pkg, _ tree) { p.Doc = "quickstart is" }), "begins with \"Command\""},
	{"examples", planted("store", func(p *pkg, tr tree) { tr.files["store/example_test.go"] = "package store_test" }), "store has no Example"},
	{"no replace", planted("store", file("go.mod", "module m\n\nreplace a => ../a\n")), "go.mod has a replace"},
	{"no replace", planted("store", file("examples/x/go.mod", "module m\nreplace (\n\ta => ../a\n)\n")), "examples/x/go.mod has a replace"},
	{"no machine's paths", planted("store", file("README.md", "cd "+"/ho"+"me/ann/rollcall\n")), "README.md:1 has the path"},
	{"no machine's paths", planted("store", file("a.go", "package a\nconst dir = \""+"/ro"+"ot/go\"\n")), "a.go:2 has the path"},
	{"no SQL by Sprintf", planted("store", file("a.go", "package a\nvar q = fmt.Sprintf(`SELECT %s`, x)\n")), "a.go:2:9 formats values into SQL"},
	{"no SQL by Sprintf", planted("store", file("a.go", "package a\nfunc f() { fmt.Fprintf(w, \"insert into t values (%s)\", x) }\n")), "formats values into SQL"},
}

func TestRulesCanFail(t *testing.T) {
	for _, p := range plants {
		t.Run(p.rule+"/"+p.want, func(t *testing.T) {
			broken := ruleNamed(t, p.rule).check(p.tree)
			if len(broken) != 1 || !strings.Contains(broken[0], p.want) {
				t.Errorf("the rule says %q, want one violation with %q", broken, p.want)
			}
		})
	}
	for _, r := range rules {
		if !slices.ContainsFunc(plants, func(p plant) bool { return p.rule == r.name }) {
			t.Errorf("no plant breaks the rule %q", r.name)
		}
		if broken := r.check(planted("store")); len(broken) != 0 {
			t.Errorf("the rule %q breaks on a clean tree: %q", r.name, broken)
		}
	}
}

func ruleNamed(t *testing.T, name string) rule {
	t.Helper()
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("no rule is called %q", name)
	}
	return rules[i]
}

// planted returns a tree with one package that breaks no rule but those that
// spoil makes it break.
func planted(at string, spoil ...func(*pkg, tree)) tree {
	name := at[strings.LastIndex(at, "/")+1:]
	p := pkg{ImportPath: module + "/" + at, Name: name, Doc: "Package " + name + " is clean.", XTestGoFiles: []string{"example_test.go"}}
	tr := tree{
		modules: make(map[string]string),
		files: map[string]string{
			"go.mod":                "module " + module + "\n",
			at + "/example_test.go": "package " + name + "_test\n\nfunc Example() {}\n",
		},
	}
	for _, s := range spoil {
		s(&p, tr)
	}
	for _, imp := range slices.Concat(p.Imports, p.Deps) {
		if strings.Contains(imp, ".") && !strings.HasPrefix(imp, module) {
			tr.modules[imp] = imp
		}
	}
	tr.packages = []pkg{p}
	return tr
}

func program(p *pkg, _ tree) { p.Name, p.Doc = "main", "Command x is clean." }

func imported(paths ...string) func(*pkg, tree) {
	return func(p *pkg, _ tree) { p.Imports = paths }
}

func deps(paths ...string) func(*pkg, tree) {
	return func(p *pkg, _ tree) { p.Deps = paths }
}

func file(name, text string) func(*pkg, tree) {
	return func(_ *pkg, tr tree) { tr.files[name] = text }
}
