package middleware_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestDropsAreCountedByReason(t *testing.T) {
	known := declaredReasons(t)
	if len(known) < 16 {
		t.Fatalf("only %d reasons are declared", len(known))
	}
	for name, hook := range map[string]func(context.Context, middleware.Outcome){
		"with a hook": func(context.Context, middleware.Outcome) {}, "without": nil,
	} {
		t.Run(name, func(t *testing.T) {
			mw, err := middleware.New(memstore.New(), &middleware.Options{OnOutcome: hook})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = mw.Close(context.Background()) })
			total := 0
			for i, reason := range known {
				for range i + 1 {
					mw.Observe(&middleware.Sender{Channel: "irc", UserID: "ann", Drop: reason})
					total++
				}
			}
			mw.Observe(&middleware.Sender{Channel: "irc", UserID: "ann", Drop: "Ann told me not to"})
			drops := mw.Drops()
			if len(drops) != len(known)+1 {
				t.Errorf("Drops() has %d reasons, declared are %d, and there is one for others", len(drops), len(known))
			}
			for i, reason := range known {
				if drops[reason] != uint64(i+1) {
					t.Errorf("Drops()[%q] = %d, want %d; is it in reasons?", reason, drops[reason], i+1)
				}
			}
			if drops[middleware.ReasonOther] != 1 || mw.Stats().Dropped != uint64(total+1) {
				t.Errorf("for other reasons %d were dropped, and %d in all; want 1 and %d",
					drops[middleware.ReasonOther], mw.Stats().Dropped, total+1)
			}
		})
	}
}

// declaredReasons are those that outcome.go declares.
func declaredReasons(t *testing.T) (reasons []middleware.Reason) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "outcome.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, middleware.Reason(text))
		return true
	})
	return reasons
}
