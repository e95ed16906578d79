package adaptertest

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHonestAdapterPasses(t *testing.T) {
	Run(t, tiny(observing(honestSender)))
}

// Ids are text on Matrix, Slack and others, which have no username beside them.
func TestHonestAdapterOfTextIDsPasses(t *testing.T) {
	Run(t, textual(observing(textualSender)))
}

func TestIDsAreComparedAsTheAdapterWritesThem(t *testing.T) {
	a := textual(observing(honestSender)) // which keys by the number
	if s := firstMessage(t, a); s.failure() == nil {
		t.Error("first-message passes under another id")
	}
}

func textual(attach attachFunc) Adapter {
	a := tiny(attach)
	a.UserID = textID
	a.Skip = map[string]string{"username-moves": "the id is all that people have"}
	return a
}

func textID(number uint64) string { return "@" + strconv.FormatUint(number, 10) + ":example.org" }

func textualSender(c *client, e *event) middleware.Sender {
	s := honestSender(c, e)
	if e.from != nil {
		s.NumericID, s.UserID = 0, textID(e.from.id)
		s.Set(store.FieldUsername, "")
	}
	return s
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

func TestMistakesOfTheCall(t *testing.T) {
	connect := func(*testing.T, *middleware.Middleware) Bot { return Bot{} }
	for want, a := range map[string]Adapter{
		"":                                       {Channel: "tiny", Connect: connect, Skip: map[string]string{"start": "none"}},
		"Adapter.Connect is nil":                 {Channel: "tiny"},
		"Adapter.Channel: key has no channel":    {Connect: connect},
		"Adapter.UserID: user id is empty":       {Channel: "tiny", Connect: connect, UserID: func(uint64) string { return "" }},
		"Adapter.UserID makes one id of two":     {Channel: "tiny", Connect: connect, UserID: func(uint64) string { return "@ann" }},
		"Skip names begin, which is no property": {Channel: "tiny", Connect: connect, Skip: map[string]string{"begin": "none"}},
		"Skip gives no reason for start":         {Channel: "tiny", Connect: connect, Skip: map[string]string{"start": ""}},
	} {
		got := strings.Join(a.mistakes(), "\n")
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("the mistakes are %q, want %q", got, want)
		}
	}
}
