package discord

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAnIDIsADecimalNumberOf64Bits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		"1": 1, "80351110224678912": 80351110224678912, "9007199254740993": 1<<53 + 1, "18446744073709551615": 1<<64 - 1,
		"": 0, "0": 0, "007": 0, "-1": 0, "+1": 0, "1e3": 0, " 1": 0, "1_0": 0, "٣": 0, "18446744073709551616": 0, "100000000000000000000": 0,
	} {
		id, ok := parseID(text)
		if id != want || ok != (want != 0) {
			t.Errorf("%q: %d, %v", text, id, ok)
		}
	}
}

func TestIDsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Uint64Min(1).Draw(t, "id")
		if got, ok := parseID(formatID(want)); !ok || got != want {
			t.Fatalf("%d became %d, %v", want, got, ok)
		}
	})
}

func TestTheTimeOfASnowflake(t *testing.T) {
	t.Parallel()
	// The example of Discord's documentation.
	got := snowflakeTime(175928847299117063).Truncate(time.Millisecond)
	if want := time.Date(2016, 4, 30, 11, 18, 25, 796_000_000, time.UTC); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !snowflakeTime(0).IsZero() {
		t.Error("no id has a time")
	}
}

func TestTwoEventsOfOneMillisecondStayOrdered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Uint64().Draw(t, "id") &^ 0xfff
		a := rapid.Uint64Range(0, 0xffe).Draw(t, "increment")
		b := rapid.Uint64Range(a+1, 0xfff).Draw(t, "later increment")
		first, second := snowflakeTime(base|a), snowflakeTime(base|b)
		if base|a != 0 && !first.Before(second) {
			t.Fatalf("%v is not before %v", first, second)
		}
		if base|a != 0 && !first.Truncate(time.Millisecond).Equal(second.Truncate(time.Millisecond)) {
			t.Fatalf("%v and %v are not of one millisecond", first, second)
		}
	})
}

func TestAPictureIsOnlyMadeOfAHash(t *testing.T) {
	t.Parallel()
	const base = "https://cdn.discordapp.com/avatars/5/"
	for hash, want := range map[string]said{
		"abc0":                   {true, base + "abc0.png"},
		"a_abc0":                 {true, base + "a_abc0.gif"},
		"":                       {true, ""},
		"../x":                   {},
		"a?token=1":              {},
		"a b":                    {},
		string(make([]byte, 65)): {},
	} {
		if got := picture(5, said{true, hash}); got != want {
			t.Errorf("%q: %+v, want %+v", hash, got, want)
		}
	}
	if got := picture(5, said{}); got != (said{}) {
		t.Errorf("an absent hash: %+v", got)
	}
}

// The reader is judged by encoding/json: of what that finds well-formed it must read
// the same values. Of all else it may read anything, but must come to an end.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{
		`{"id":"80351110224678912","username":"nelly","global_name":null,"avatar":"8342","bot":false}`,
		`{"us\u0065rname":"a","username":"b"}`,
		`{"id":"1","username":"\u00e9\ud83d\ude00\n\"\\","global_name":"👩‍👩‍👧","x":[1,-0.5e+7,{"a":[]},true,null,""]}`,
		`{"x":"\\","username":"\\\"","y":["}",{"]":"\\\\"}],"id":"x","system":1,"bot":null}`,
		`{"username":"a","username":"b"}`, "\t{ \"a\" : [ { } , 1 ] ,\r\n\"username\" : \"b\" , \"bot\" : -1.5E3 }\n",
		` [ ] `, `{"a":1,}`, `"\ud800"`, `-`, `{"a":tru}`, `nul`, `0.`, `1e`, `[[[[`, `{"username":{}}`, `{"username":"`, `{"username":"\`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := cursor{data: string(data)}
		var u user
		u.read(&c)
		var fields map[string]json.RawMessage
		if !json.Valid(data) || !utf8.Valid(data) || json.Unmarshal(data, &fields) != nil || escapedKey.Match(data) {
			return
		}
		if got, want := u.username, textOf(fields, "username"); got != want {
			t.Fatalf("username %+v, want %+v", got, want)
		}
		if got, want := u.globalName, textOf(fields, "global_name"); got != want {
			t.Fatalf("global_name %+v, want %+v", got, want)
		}
		id := textOf(fields, "id")
		if n, ok := parseID(id.value); ok && u.id != n || !ok && u.id != 0 {
			t.Fatalf("id %d of %+v", u.id, id)
		}
		bot := fields["bot"]
		if want := bot != nil && !bytes.Equal(bot, []byte("null")) && !bytes.Equal(bot, []byte("false")) && !bytes.Equal(bot, []byte(`""`)); u.bot != want {
			t.Fatalf("bot %v of %s", u.bot, bot)
		}
		if fields != nil && c.peek() != 0 {
			t.Fatalf("%q is left", c.data[c.pos:])
		}
	})
}

// escapedKey finds a key that is written with escapes.
var escapedKey = regexp.MustCompile(`"(?:[^"\\]|\\.)*\\.(?:[^"\\]|\\.)*"\s*:`)

func textOf(fields map[string]json.RawMessage, key string) said {
	raw, ok := fields[key]
	if !ok {
		return said{}
	}
	var text *string
	if json.Unmarshal(raw, &text) != nil {
		return said{}
	}
	if text == nil {
		return said{ok: true}
	}
	return said{ok: true, value: *text}
}

func TestDeepNestingIsHarmless(t *testing.T) {
	t.Parallel()
	const depth = 1 << 20
	c := cursor{data: strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth) + `7`}
	c.skip()
	if c.peek() != '7' {
		t.Errorf("stands at %d", c.pos)
	}
}
