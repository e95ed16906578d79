package hostile

import "strings"

// A Key has the fields of a store.Key and converts to one.
type Key struct {
	Channel string
	UserID  string
}

// KeyPairs are keys of two people each, who must never become one.
var KeyPairs = [][2]Key{
	{{"telegram", "1:2"}, {"telegram", "12"}},
	{{"telegram", ":1"}, {"telegram", "1"}},
	{{"telegram", "1:"}, {"telegram", "1"}},
	{{"telegram", ":"}, {"telegram", "::"}},
	{{"telegram", "42"}, {"discord", "42"}},
	{{"telegram", "discord:42"}, {"discord", "42"}},
	{{"a", "b:c"}, {"a-b", "c"}},
	{{"a", "b_c"}, {"a_b", "c"}},
	{{"a-b", "1"}, {"a_b", "1"}},
	{{"telegram", "42"}, {"telegram", "042"}},
	{{"telegram", "42"}, {"telegram", "+42"}},
	{{"telegram", "42"}, {"telegram", "-42"}},
	{{"telegram", "42"}, {"telegram", " 42"}},
	{{"telegram", "42"}, {"telegram", "42 "}},
	{{"telegram", "42"}, {"telegram", "42.0"}},
	{{"telegram", "42"}, {"telegram", "٤٢"}},
	{{"telegram", "42"}, {"telegram", "４２"}},
	{{"discord", "9007199254740992"}, {"discord", "9007199254740993"}}, // one float64
	{{"discord", "18446744073709551615"}, {"discord", "-1"}},
	{{"custom", "ann"}, {"custom", "Ann"}},
	{{"custom", "straße"}, {"custom", "strasse"}},
	{{"custom", "é"}, {"custom", "e\u0301"}},
	{{"custom", "ann"}, {"custom", "аnn"}}, // a Cyrillic letter
	{{"custom", "\ufb01"}, {"custom", "fi"}},
	{{"custom", "a.b"}, {"custom", "a_b"}},
	{{"custom", "a*"}, {"custom", "a>"}},
	{{"custom", "a%"}, {"custom", "a_"}},
	{{"custom", "a%20b"}, {"custom", "a b"}},
	{{"custom", "a+b"}, {"custom", "a%2Bb"}},
	{{"custom", "a/b"}, {"custom", "a%2Fb"}},
	{{"custom", `a\b`}, {"custom", `a\\b`}},
	{{"custom", `a"b`}, {"custom", `a\"b`}},
	{{"custom", "a'b"}, {"custom", "a''b"}},
	{{"custom", "\ufffd"}, {"custom", "\ufffd\ufffd"}},
	{{"custom", strings.Repeat("a", 255)}, {"custom", strings.Repeat("a", 254)}},
}

// BadKeys are no keys. They must be refused and never repaired, since two of
// them could be repaired into one person.
var BadKeys = []Key{
	{"", ""},
	{"", "42"},
	{"telegram", ""},
	{"telegram:1", "2"},
	{"Telegram", "42"},
	{"tele gram", "42"},
	{"telegram.x", "42"},
	{"télégram", "42"},
	{"tele\x00gram", "42"},
	{strings.Repeat("a", 33), "42"},
	{"telegram", strings.Repeat("1", 256)},
	{"telegram", strings.Repeat("1", 10<<20)},
	{"telegram", "\xff"},
	{"telegram", "\xfe"},
	{"telegram", "4\x002"},
	{"telegram", "42\n"},
	{"telegram", "42\u202e"},
	{"telegram", "42\u200b"},
	{"telegram", "\ufeff42"},
	{"telegram", "42\u2028"},
	{"telegram", "42\uffff"},
	{"telegram", "42\u00a0"},
	{"telegram", "\U000e0034\U000e0032"},
}
