package discord

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

const me = 41771983423143937

// byTheBook reads a message with encoding/json alone: the reader that leaps has to
// read the same.
func byTheBook(data []byte) (m message) {
	f := fieldsOf(data)
	m.id = idIn(f, "id")
	m.channel = textOf(f, "channel_id").value
	if raw, ok := f["guild_id"]; ok {
		m.place.guild = textOf(f, "guild_id").value
		m.place.inGuild = string(raw) != "null" && string(raw) != `""`
	}
	m.user = userIn(f["author"])
	m.nick = textOf(fieldsOf(f["member"]), "nick")
	m.webhook = setIn(f, "webhook_id")
	m.kind = numberIn(f, "type")
	m.crossposted = crossposted(numberIn(f, "flags"))
	if at := textOf(f, "edited_timestamp").value; at != "" {
		m.edited, _ = time.Parse(time.RFC3339Nano, at)
	}
	var mentions []json.RawMessage
	if json.Unmarshal(f["mentions"], &mentions) == nil {
		for _, u := range mentions {
			m.mentioned = userIn(u).id == me || m.mentioned
		}
	}
	m.repliedTo = userIn(fieldsOf(f["referenced_message"])["author"]).id
	return m
}

func fieldsOf(data []byte) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	return fields
}

func userIn(data []byte) (u user) {
	f := fieldsOf(data)
	u.id = idIn(f, "id")
	if raw, ok := f["id"]; ok {
		u.malformed = u.id == 0 && string(raw) != "null" && string(raw) != `""`
	}
	u.username, u.globalName, u.avatar = textOf(f, "username"), textOf(f, "global_name"), textOf(f, "avatar")
	u.bot, u.system = setIn(f, "bot"), setIn(f, "system")
	return u
}

func idIn(f map[string]json.RawMessage, key string) uint64 {
	id, _ := parseID(textOf(f, key).value)
	return id
}

func setIn(f map[string]json.RawMessage, key string) bool {
	raw, ok := f[key]
	return ok && !slices.Contains([]string{"null", "false", `""`}, string(raw))
}

func numberIn(f map[string]json.RawMessage, key string) int {
	raw, ok := f[key]
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil || len(raw) > 18 {
		return -1
	}
	return int(n)
}

// differs says how what we read of a message differs from what is there, "" where it does
// not.
func differs(data []byte) string {
	var got message
	c := cursor{data: string(data)}
	got.read(&c, me, &Options{Nicks: true})
	want := byTheBook(data)
	got.edited, want.edited = got.edited.UTC(), want.edited.UTC() // == compares where zones are kept, too
	if got != want {
		return fmt.Sprintf("of %s\nread %+v\nwant %+v", data, got, want)
	}
	if difference := membersDiffer(data); difference != "" {
		return difference
	}
	if rest := c.data[min(c.pos, len(c.data)):]; strings.TrimSpace(rest) != "" {
		return fmt.Sprintf("of %s\n%q is left", data, rest)
	}
	return ""
}

// membersDiffer looks at all members of an object, whoever asks for them.
func membersDiffer(data []byte) string {
	c := cursor{data: string(data)}
	got := make(map[string]string)
	const all = ^keys(0)
	for key := c.object(all); key != ""; key = c.next(all) {
		got[key] = c.span()
	}
	want := fieldsOf(data)
	delete(want, "")
	if len(got) != len(want) {
		return fmt.Sprintf("of %s\nread %q\nwant %q", data, got, want)
	}
	for key, value := range want {
		if got[key] != string(value) {
			return fmt.Sprintf("of %s\n%s is %q, want %q", data, key, got[key], value)
		}
	}
	return ""
}

// What a reader that leaps could stumble over.
var stumbling = []string{
	`{"edited_timestamp":"2017-07-11T17:27:24.25Z","edited_timestamp":null}`,
	`{"x":{"a":"\"}"},"id":"5"}`,
	`{"x":["\\","]"],"id":"5"}`,
	`{"x":["[",{"a":"}{"},"]"],"id":"5"}`,
	`{"x":{"a":{"b":{}}},"y":[[],[[1]]],"id":"5"}`,
	`{"":{"id":"6"},"id":"5","":[1],"type":1}`,
	`{"author":{"id":"5","bot":true,"avatar":"a"},"author":{"username":"b"}}`,
	`{"guild_id":7}`, `{"guild_id":null}`, `{"guild_id":""}`, `{"guild_id":{}}`,
	`{"type":1234567890123456789,"flags":2.5,"id":"5"}`, `{"type":1e3}`, `{"type": 7 }`, `{"type":-0}`,
	`{"x":0.5,"y":0,"z":0e7,"id":"5"}`, `{"x":0}`,
	`{"x":"` + strings.Repeat("long ", 20) + `"}`, `{"x":"` + strings.Repeat(`\\`, 30) + `","id":"5"}`,
	`{"id" :"5","type"	: 7,"channel_id":"9"}`,
	`{"mentions":[7,"41771983423143937",{"id":"41771983423143937"},null],"id":"5"}`,
	`{"mentions":{"id":"41771983423143937"},"referenced_message":null,"member":[{"nick":"n"}],"author":"a"}`,
}

func TestNothingIsStumbledOver(t *testing.T) {
	t.Parallel()
	for _, text := range stumbling {
		// Near the end of the text and far from it, things are read in two ways.
		far := strings.TrimSuffix(text, "}") + `,"far":"` + strings.Repeat("-", 100) + `"}`
		for _, data := range []string{text, far} {
			if difference := differs([]byte(data)); difference != "" {
				t.Error(difference)
			}
		}
	}
}

// A key that is written with escapes is unknown, and is over where it ends.
func TestAnEscapedKeyIsUnknown(t *testing.T) {
	t.Parallel()
	for _, end := range []string{`}`, `,"far":"` + strings.Repeat("-", 100) + `"}`} {
		c := cursor{data: `{"i\"d":"6","x\":{":1,"\u0069d":"7","y\\":[0],"id":"5"` + end}
		var m message
		m.read(&c, me, &Options{})
		if m.id != 5 {
			t.Errorf("of %s the id is %d", c.data, m.id)
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, text := range append(stumbling, `{"y\\\\":[0],"id":"5"}`, `{"edited_timestamp":"2017-07-11T17:27:24.25+01:30"}`) {
		f.Add([]byte(text))
	}
	file, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		var sample struct{ D json.RawMessage }
		if err := json.Unmarshal([]byte(line), &sample); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(sample.D))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if fieldsOf(data) == nil || !utf8.Valid(data) || escapedKey.Match(data) {
			c := cursor{data: string(data)}
			new(message).read(&c, me, &Options{Nicks: true}) // comes to an end
			return
		}
		if difference := differs(data); difference != "" {
			t.Fatal(difference)
		}
	})
}

// jsonTexts draws what is written in the way of JSON, but for object keys without
// escapes: known keys and others, values of every kind, of every length that is read in
// one way or another, and with or without spaces.
type jsonTexts struct {
	b      strings.Builder
	spaced bool
}

func (j *jsonTexts) space(t *rapid.T) {
	if j.spaced {
		j.b.WriteString(rapid.SampledFrom([]string{"", "", "", " ", "\n\t"}).Draw(t, "space"))
	}
}

func (j *jsonTexts) token(t *rapid.T, s string) {
	j.space(t)
	j.b.WriteString(s)
	j.space(t)
}

var knownKeys = []string{
	"id", "channel_id", "guild_id", "author", "member", "webhook_id", "type", "flags", "edited_timestamp", "mentions",
	"referenced_message", "username", "global_name", "avatar", "bot", "system", "user", "nick",
}

func (j *jsonTexts) object(t *rapid.T, depth int) {
	j.token(t, "{")
	for i := range rapid.IntRange(0, 9).Draw(t, "members") {
		if i > 0 {
			j.token(t, ",")
		}
		key := rapid.OneOf(rapid.SampledFrom(knownKeys), rapid.StringMatching(`[a-z_:,{}\[\] é]{0,30}`)).Draw(t, "key")
		j.token(t, `"`+key+`"`)
		j.token(t, ":")
		j.value(t, key, depth-1)
	}
	j.token(t, "}")
}

func (j *jsonTexts) array(t *rapid.T, key string, depth int) {
	j.token(t, "[")
	for i := range rapid.IntRange(0, 4).Draw(t, "elements") {
		if i > 0 {
			j.token(t, ",")
		}
		j.value(t, key, depth-1)
	}
	j.token(t, "]")
}

func (j *jsonTexts) value(t *rapid.T, key string, depth int) {
	nested := slices.Contains([]string{"author", "member", "mentions", "referenced_message"}, key)
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case depth > 0 && key == "mentions" && kind < 7, depth > 0 && kind == 0:
		j.array(t, key, depth)
	case depth > 0 && nested && kind < 8, depth > 0 && kind == 1:
		j.object(t, depth)
	case kind < 4:
		j.token(t, `"`+strconv.FormatUint(rapid.OneOf(rapid.Just(uint64(me)), rapid.Uint64()).Draw(t, "id"), 10)+`"`)
	case kind < 6:
		text, err := json.Marshal(rapid.StringMatching(`[a-z"\\{}\[\]:,\né🦊]{0,60}`).Draw(t, "text"))
		if err != nil {
			t.Fatal(err)
		}
		j.token(t, string(text))
	default:
		j.token(t, rapid.SampledFrom([]string{
			"null", "true", "false", "0", "0.5", "7", "19", "2", "1.5", "-1", "-0.5e+7", "1234567890123456789", `""`, "[]", "{}",
			`"2017-07-11T17:27:24.25Z"`, `"\u0031\u0032"`, `"a\\"`, `"\""`,
		}).Draw(t, "value"))
	}
}

func TestAMessageIsReadAsEncodingJSONReadsIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j := jsonTexts{spaced: rapid.Bool().Draw(t, "spaced")}
		j.object(t, 4)
		data := []byte(j.b.String())
		if !json.Valid(data) {
			t.Fatalf("the test drew what is no JSON: %s", data)
		}
		if difference := differs(data); difference != "" {
			t.Fatal(difference)
		}
	})
}

// A key that no reader asks for is leapt over unseen, so each that a reader knows has to
// be in its keys.
func TestEachKeyOfAReaderIsAskedFor(t *testing.T) {
	t.Parallel()
	const id = `"80351110224678912"`
	padding := `,"an_unknown_key_that_is_long":` + strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40) + `}`
	interactionOf := func(data string) (i interaction) {
		i.read(&cursor{data: data})
		return i
	}
	nothing := interactionOf(`{"x":0` + padding)
	for key, value := range map[string]string{
		"id": id, "application_id": id, "type": "2", "token": `"t"`, "guild_id": id,
		"member": `{"nick":"n"}`, "user": `{"id":` + id + `}`, "locale": `"de"`,
	} {
		if interactionOf(`{"`+key+`":`+value+padding) == nothing {
			t.Errorf("%s of an interaction is not read", key)
		}
	}
	for key, value := range map[string]string{"guild_id": id, "user": `{"id":` + id + `}`, "nick": `"n"`, "member": `{"user":{"id":` + id + `}}`} {
		c := cursor{data: `{"` + key + `":` + value + padding}
		if c.sighting("TYPING_START") == (&cursor{data: `{}`}).sighting("TYPING_START") {
			t.Errorf("%s of a sighting is not read", key)
		}
	}
	if readyID(`{"user":{"id":`+id+`}`+padding) == 0 {
		t.Error("the user of READY is not read")
	}
}
