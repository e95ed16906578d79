package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

// full returns somebody of whom everything is known, and whose texts are these.
func full(text string) store.Profile {
	p := store.Profile{
		Key:       store.Key{Channel: "telegram", UserID: "42"},
		FirstSeen: time.Unix(1_700_000_000, 0).UTC(),
		LastSeen:  time.Unix(1_700_000_001, 0).UTC(),
		Nicks:     map[string]string{"1": text, "a.b": text},
		Custom:    map[string]any{"tier": text, "points": 1.5, "vip": true},
	}
	for _, part := range []any{&p, &p.Address} {
		for _, f := range reflect.ValueOf(part).Elem().Fields() {
			switch f.Kind() {
			case reflect.String:
				f.SetString(text)
			case reflect.Bool:
				f.SetBool(true)
			}
		}
	}
	p.Gender, p.Status = "F", store.StatusActive
	return p
}

func TestEventsAreInTheFormOfTheirSchema(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	ann := full("Ann")
	events := map[string]Event{
		"everything": updated(store.Delivery{Profile: ann, Version: 7, Fields: ann.Stated(), All: true}),
		"nothing":    updated(store.Delivery{Profile: store.Profile{Key: ann.Key}, Fields: []store.Field{store.FieldEmail}}),
		"an erasure": erased(ann.Key),
	}
	for name, e := range events {
		e.ID = "msg_1"
		body, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		for _, problem := range s.problems(s, "event", v) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	// The other way round, the schema has nothing that never comes.
	body, _ := encode(ann)
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	for name := range s.Defs["profile"].Properties {
		if _, ok := members[name]; !ok {
			t.Errorf("the schema has %q, and a profile does not", name)
		}
	}
}

// A schema is as much of JSON Schema as ours needs, and stricter: what has
// properties may have no others.
type schema struct {
	Ref                  string            `json:"$ref"`
	Type                 any               `json:"type"`
	Required             []string          `json:"required"`
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties *schema           `json:"additionalProperties"`
	Items                *schema           `json:"items"`
	Enum                 []any             `json:"enum"`
	Defs                 map[string]schema `json:"$defs"`
}

func (s schema) problems(root schema, at string, v any) (problems []string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		return root.Defs[name].problems(root, at, v)
	}
	types, several := s.Type.([]any)
	if !several {
		types = []any{s.Type}
	}
	is := map[reflect.Kind]any{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number", reflect.Slice: "array", reflect.Map: "object",
	}[reflect.ValueOf(v).Kind()]
	if whole, ok := v.(float64); ok && s.Type == "integer" && whole == math.Trunc(whole) {
		is = "integer"
	}
	if !slices.Contains(types, is) {
		problems = append(problems, fmt.Sprintf("%s is a %T and no %v", at, v, s.Type))
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		problems = append(problems, fmt.Sprintf("%s is %v and none of %v", at, v, s.Enum))
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			problems = append(problems, s.Items.problems(root, at, item)...)
		}
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				problems = append(problems, at+" has no "+name)
			}
		}
		for name, member := range v {
			sub, ok := s.Properties[name]
			if s.AdditionalProperties != nil {
				sub, ok = *s.AdditionalProperties, true
			}
			if !ok {
				problems = append(problems, at+" may have no "+name)
				continue
			}
			problems = append(problems, sub.problems(root, at+"."+name, member)...)
		}
	}
	return problems
}

func TestWhatIsSentIsWhatIsReceived(t *testing.T) {
	t.Parallel()
	r, err := NewReceiver([]string{vectorSecret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []Event
	var sent []byte
	var problem error
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		sent = body
		got, problem = r.Verify(req.Header, body)
	}))
	defer srv.Close()
	b, err := New(srv.URL, []string{vectorSecret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, text := range append(slices.Clone(hostile.Honest), "<b>&</b>", "\u2028", `","type":"profile.erased`) {
		p := full(text)
		receipt, err := b.Deliver(t.Context(), store.Delivery{Profile: p, Version: 1 << 40, Fields: p.Stated(), All: true})
		if err != nil || problem != nil {
			t.Fatalf("%.40q: %v, %v", text, err, problem)
		}
		want := Event{
			ID: receipt.Remote, Version: 1 << 40, Type: TypeUpdated, ChannelUserID: "telegram:42", Key: p.Key,
			Profile: p, Fields: p.Stated(), Cleared: []store.Field{}, All: true,
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%.40q arrived as %#v", text, got)
		}
		if strings.ContainsAny(text, "<>&") && !strings.Contains(string(sent), text) {
			t.Errorf("%q is escaped for HTML, which nobody asked for", text)
		}
	}
}

func TestBodiesThatAreSignedAndHoldNoEvent(t *testing.T) {
	t.Parallel()
	r, err := NewReceiver([]string{vectorSecret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const ok = `{"id":"msg_1","type":"profile.updated","key":"telegram:42","channel":"telegram","user_id":"42",` +
		`"profile":{"channel":"telegram","user_id":"42"},"fields":[],"cleared":[]}`
	for body, want := range map[string]int{ // -1: refused
		ok:                                      1,
		" [" + ok + "," + ok + "\n] ":           2,
		`[]`:                                    0,
		ok + ok:                                 -1,
		``:                                      -1,
		`null`:                                  -1,
		`"msg_1"`:                               -1,
		`[null]`:                                -1,
		strings.Replace(ok, `"msg_1"`, `""`, 1): -1,
		strings.Replace(ok, `"msg_1"`, `1`, 1):  -1,
		strings.Replace(ok, `"profile.updated"`, `""`, 1):                                                                          -1,
		strings.Replace(ok, `profile.updated`, `profile.merged`, 1):                                                                1, // of a later version
		strings.Replace(ok, `{"id"`, `{"later":[1],"id"`, 1):                                                                       1,
		strings.Replace(ok, `telegram:42`, `telegram:43`, 1):                                                                       -1,
		strings.Replace(ok, `"profile":{"channel":"telegram","user_id":"42"`, `"profile":{"channel":"telegram","user_id":"43"`, 1): -1,
		strings.ReplaceAll(ok, `telegram`, `Tele gram`):                                                                            -1,
	} {
		now := time.Now()
		h := http.Header{headerID: {"msg_1"}, headerTimestamp: {fmt.Sprint(now.Unix())}, headerSignature: {signature(r.keys, "msg_1", now, []byte(body))}}
		events, err := r.Verify(h, []byte(body))
		switch {
		case want < 0 && !errors.Is(err, store.ErrInvalid), want >= 0 && err != nil, want >= 0 && len(events) != want:
			t.Errorf("%s: %d events, %v", body, len(events), err)
		case err != nil && strings.Contains(err.Error(), "42"):
			t.Errorf("the error quotes the body: %v", err)
		}
		if want < 0 {
			w := httptest.NewRecorder()
			req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			req.Header = h
			r.Handler(nil).ServeHTTP(w, req)
			if w.Code != http.StatusBadRequest {
				t.Errorf("%s: the answer is %d", body, w.Code)
			}
		}
	}
}

func FuzzBodyHoldsNothingButItsKeys(f *testing.F) {
	raw, err := os.ReadFile("event.schema.json")
	if err != nil {
		f.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		f.Fatal(err)
	}
	f.Add("42", "Ann", "email", true)
	f.Add("42", `","roles":["admin"],"x":"`, "custom.x\"", false)
	f.Fuzz(func(t *testing.T, id, text, field string, all bool) {
		p := full(text)
		p.UserID = id
		e := updated(store.Delivery{Profile: p, Fields: []store.Field{store.Field(field)}, All: all})
		e.ID = "msg_1"
		body, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		for _, problem := range s.problems(s, "event", v) {
			t.Error(problem)
		}
	})
}
