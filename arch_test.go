package rollcall_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/rollcall-go/rollcall"

// TestArchitecture holds the tree to the rules of the list below.
func TestArchitecture(t *testing.T) {
	tr := readTree(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, v := range r.check(tr) {
				t.Errorf("%s\n\twhy: %s", v, r.reason)
			}
		})
	}
}

// A rule returns what breaks it.
type rule struct {
	name, reason string
	check        func(tree) []string
}

var rules = []rule{
	{"imports", "a bot links only the platform and the store that it chose, and a reader learns one direction: " +
		"store <- middleware <- adapters; see CONTRIBUTING.md before you widen it", imports},
	{"linked", "a Telegram bot's binary has nothing of Discord's in it, nor the other way round, a store's author depends on next to nothing, and OpenTelemetry is for those who ask for it", linked},
	{"no testing in bots", "package testing registers flags and belongs into tests; only packages named ...test may link it, and demonstrations that are made of these", noTesting},
	{"documented", "the first thing that a newcomer to a package reads is its package comment", documented},
	{"examples", "an Example is documentation that the compiler keeps true", examples},
	{"no replace", "a replace directive in go.mod holds for us and for no user of the module", noReplace},
	{"no machine's paths", "a path of somebody's machine works on no other", noMachinePaths},
	{"no SQL by Sprintf", "values that are formatted into SQL are how people's names become statements; use parameters", noFormattedSQL},
}

// A tree is what the rules look at.
type tree struct {
	packages []pkg
	// modules says which module an import path outside of ours belongs to.
	// Those of the standard library are not in it.
	modules map[string]string
	files   map[string]string // by slash-separated path
}

// A pkg is one package of the module, as go list tells it.
type pkg struct {
	ImportPath, Name, Doc, Dir         string
	Imports, Deps                      []string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Standard                           bool
	Module                             *struct{ Path string }
}

// at is the path of the package below the module's root, "." for the root.
func (p pkg) at() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

// An allowance says what the packages whose path matches may import, besides the
// standard library. The first match counts.
type allowance struct {
	pattern string   // as in path.Match
	own     []string // of this module
	foreign []string // modules; "*" stands for any single one
}

var anything = []string{"**"}

var allowances = []allowance{
	{pattern: "."},
	{pattern: "store", foreign: []string{"golang.org/x/text", "github.com/rivo/uniseg"}},
	{pattern: "store/export", own: []string{"store"}},
	{pattern: "store/storetest", own: []string{"store", "internal/hostile"}},
	// x/sys comes with the driver, and knows who may write a file.
	{pattern: "store/sqlitestore", own: []string{"store"}, foreign: []string{"modernc.org/sqlite", "golang.org/x/sys"}},
	// puddle is the pool inside of pgx's, and has the error of one that is closed.
	{pattern: "store/pgstore", own: []string{"store"}, foreign: []string{"github.com/jackc/pgx/v5", "github.com/jackc/puddle/v2"}},
	{pattern: "store/*store", own: []string{"store"}, foreign: []string{"*"}},
	{pattern: "store/backendtest", own: []string{"store", "internal/hostile"}},
	{pattern: "store/backend/rest", own: []string{"store"}},
	{pattern: "store/backend/*", own: []string{"store", "store/backend/rest"}},
	{pattern: "store/backend/*/*test"},
	{pattern: "middleware/otelrollcall", own: []string{"store", "middleware"}, foreign: []string{
		"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/trace",
	}},
	{pattern: "middleware", own: []string{"store", "internal/seen"}, foreign: []string{"go.uber.org/zap", "golang.org/x/time"}},
	{pattern: "adapters"},
	{pattern: "adapters/adaptertest", own: []string{"store", "middleware", "store/memstore", "internal/hostile"}},
	{pattern: "adapters/*", own: []string{"store", "middleware"}, foreign: []string{"*"}},
	{pattern: "adapters/discord/discordtest", foreign: []string{"github.com/bwmarrin/discordgo", "github.com/gorilla/websocket"}},
	{pattern: "adapters/*/*test", foreign: []string{"*"}},
	{pattern: "internal/pgtest", own: []string{"internal/loopback"}, foreign: []string{"github.com/jackc/pgx/v5"}},
	{pattern: "internal/processtest", own: []string{"store"}},
	{pattern: "internal/*"},
	{pattern: "examples/*", own: anything, foreign: anything},
}

func allowanceOf(at string) (allowance, bool) {
	i := slices.IndexFunc(allowances, func(a allowance) bool {
		ok, _ := path.Match(a.pattern, at)
		return ok
	})
	if i < 0 {
		return allowance{}, false
	}
	return allowances[i], true
}

func imports(tr tree) (broken []string) {
	for _, p := range tr.packages {
		a, ok := allowanceOf(p.at())
		if !ok {
			broken = append(broken, fmt.Sprintf("%s: no allowance in arch_test.go says what this package may import", p.at()))
			continue
		}
		foreign := make(map[string]bool)
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module+"/"); ok {
				if !slices.Contains(a.own, own) && !slices.Equal(a.own, anything) {
					broken = append(broken, fmt.Sprintf("%s imports %s", p.at(), own))
				}
				continue
			}
			if m := tr.modules[imp]; m != "" {
				foreign[m] = true
			}
		}
		switch {
		case slices.Equal(a.foreign, anything):
		case slices.Equal(a.foreign, []string{"*"}):
			if len(foreign) > 1 {
				broken = append(broken, fmt.Sprintf("%s imports %d modules, not one: %v", p.at(), len(foreign), sorted(foreign)))
			}
		default:
			for _, m := range sorted(foreign) {
				if !slices.Contains(a.foreign, m) {
					broken = append(broken, fmt.Sprintf("%s imports the module %s", p.at(), m))
				}
			}
		}
	}
	return broken
}

// linked looks at all that a package drags in, however indirectly.
func linked(tr tree) (broken []string) {
	banned := map[string][]string{
		"adapters/telegram": {"github.com/bwmarrin/discordgo", "github.com/gorilla/websocket", "modernc.org/sqlite"},
		"examples/telegram": {"github.com/bwmarrin/discordgo", "github.com/gorilla/websocket"},
		"adapters/discord":  {"gopkg.in/telebot.v3", "modernc.org/sqlite"},
		"examples/discord":  {"gopkg.in/telebot.v3"},
		"middleware":        {"github.com/bwmarrin/discordgo", "gopkg.in/telebot.v3", "modernc.org/sqlite"},
	}
	storeLinks := []string{"golang.org/x/text", "github.com/rivo/uniseg"}
	for _, p := range tr.packages {
		for _, m := range modulesOf(tr, p.Deps) {
			if slices.Contains(banned[p.at()], m) {
				broken = append(broken, fmt.Sprintf("%s links %s", p.at(), m))
			}
			if strings.HasPrefix(m, "go.opentelemetry.io/") && p.at() != "middleware/otelrollcall" {
				broken = append(broken, fmt.Sprintf("%s links %s", p.at(), m))
			}
			if p.at() == "store" && !slices.Contains(storeLinks, m) {
				broken = append(broken, fmt.Sprintf("store links %s", m))
			}
		}
	}
	return broken
}

func modulesOf(tr tree, paths []string) []string {
	set := make(map[string]bool)
	for _, imp := range paths {
		if m := tr.modules[imp]; m != "" {
			set[m] = true
		}
	}
	return sorted(set)
}

func noTesting(tr tree) (broken []string) {
	for _, p := range tr.packages {
		allowed := strings.HasSuffix(p.Name, "test") ||
			p.Name == "main" && slices.ContainsFunc(p.Deps, func(dep string) bool {
				return strings.HasPrefix(dep, module) && strings.HasSuffix(dep, "test")
			})
		if !allowed && slices.Contains(p.Deps, "testing") {
			broken = append(broken, p.at()+" links package testing")
		}
	}
	return broken
}

func documented(tr tree) (broken []string) {
	for _, p := range tr.packages {
		prefix := "Package " + p.Name + " "
		if p.Name == "main" {
			prefix = "Command "
		}
		if !strings.HasPrefix(p.Doc, prefix) {
			broken = append(broken, fmt.Sprintf("%s has no package comment that begins with %q", p.at(), strings.TrimSpace(prefix)))
		}
	}
	return broken
}

func examples(tr tree) (broken []string) {
	for _, p := range tr.packages {
		if p.Name == "main" || p.at() == "." || strings.HasPrefix(p.at(), "internal/") {
			continue
		}
		has := false
		for _, name := range append(slices.Clone(p.TestGoFiles), p.XTestGoFiles...) {
			has = has || regexp.MustCompile(`(?m)^func Example\w*\(\)`).MatchString(tr.files[path.Join(p.at(), name)])
		}
		if !has {
			broken = append(broken, p.at()+" has no Example")
		}
	}
	return broken
}

func noReplace(tr tree) (broken []string) {
	for name, text := range tr.files {
		if path.Base(name) == "go.mod" && !strings.HasPrefix(name, "internal/") && regexp.MustCompile(`(?m)^\s*replace\b`).MatchString(text) {
			broken = append(broken, name+" has a replace directive")
		}
	}
	return broken
}

// The pieces are apart so that this file passes its own rule.
var machinePath = regexp.MustCompile(`(?:^|[\s"'=(\x60])(/(?:` + strings.Join([]string{"home", "root", "Users", "work", "tmp"}, "|") + `)/[\w.-]+|[A-Z]:\\\\?Users\b)`)

func noMachinePaths(tr tree) (broken []string) {
	for name, text := range tr.files {
		n := 0
		for line := range strings.Lines(text) {
			n++
			if m := machinePath.FindStringSubmatch(line); m != nil {
				broken = append(broken, fmt.Sprintf("%s:%d has the path %s", name, n, m[1]))
			}
		}
	}
	return broken
}

var sqlStatement = regexp.MustCompile(`(?i)^\s*(select|insert|update|delete|replace|with|create|drop|alter)\s`)

func noFormattedSQL(tr tree) (broken []string) {
	for name, text := range tr.files {
		if path.Ext(name) != ".go" {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
		if err != nil {
			broken = append(broken, fmt.Sprintf("%s does not parse: %v", name, err))
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Sprintf", "Fprintf", "Appendf"}, fun.Sel.Name) {
				return true
			}
			for _, arg := range call.Args[:2] {
				lit, ok := arg.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				if s, err := strconv.Unquote(lit.Value); err == nil && sqlStatement.MatchString(s) {
					broken = append(broken, fmt.Sprintf("%s formats values into SQL", set.Position(call.Pos())))
				}
			}
			return true
		})
	}
	return broken
}

func sorted(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func readTree(t *testing.T) tree {
	t.Helper()
	tr := tree{modules: make(map[string]string), files: make(map[string]string)}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Name,Doc,Dir,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles,Standard,Module", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	for list := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch {
		case p.ImportPath == module, strings.HasPrefix(p.ImportPath, module+"/"):
			tr.packages = append(tr.packages, p)
		case p.Module != nil:
			tr.modules[p.ImportPath] = p.Module.Path
		}
	}
	err = filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".cache"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if err == nil && !bytes.ContainsRune(text, 0) { // neither a database nor an image
			tr.files[filepath.ToSlash(name)] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
