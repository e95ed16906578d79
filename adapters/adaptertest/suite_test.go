package adaptertest

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHonestAdapterPasses(t *testing.T) {
	Run(t, tiny(observing(honestSender)))
}

func TestDocumentationListsTheProperties(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(doc)
	for _, p := range properties {
		_, after, found := strings.Cut(rest, "//   - "+p.name+": ")
		if !found {
			t.Fatalf("doc.go does not list %s, or not in the order of the suite", p.name)
		}
		rest = after
	}
	if strings.Contains(rest, "//   - ") {
		t.Errorf("doc.go lists more than the suite has")
	}
}

// The unicode names must be ones that the middleware leaves alone, or the suite
// would blame adapters for what Repair does.
func TestUnicodeNamesAreNotRepaired(t *testing.T) {
	for _, name := range unicodeNames {
		if got, ok := store.Repair(store.FieldGivenName, name); !ok || got != name {
			t.Errorf("Repair makes %q of %q", got, name)
		}
	}
}

func TestSkippedKindsAreNotDelivered(t *testing.T) {
	a := tiny(observing(honestSender))
	a.Skip = map[string]string{"start": "none", "nobody": "none"}
	for _, k := range a.kinds() {
		if k == Start || k == Nobody {
			t.Errorf("%s is delivered though its property is skipped", k)
		}
	}
	if len(a.kinds()) != 4 {
		t.Errorf("kinds are %v", a.kinds())
	}
}
