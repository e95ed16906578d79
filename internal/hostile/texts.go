package hostile

import "strings"

// Honest are texts that must be kept exactly as they are.
var Honest = []string{
	"Ann",
	"Ann-Marie O'Neil, Jr.",
	"José",
	"Jose\u0301",      // the same, decomposed
	"Straße",          // longer when folded
	"İstanbul ıI",     // Turkish, with and without the dot
	"Nguyễn Thị Ngọc", // two marks a letter
	"Ле́на",
	"Ἀχιλλεύς",
	"שלום עליכם",
	"שָׁלוֹם", // points
	"بِسْمِ اللّٰهِ",
	"می\u200cخواهم", // a non-joiner that the word needs
	"क्\u200dष",     // a joiner that the letter needs
	"नमस्ते",
	"สวัสดี",
	"မြန်မာ",
	"བོད་སྐད",
	"山田太郎",
	"葛\U000e0100城",       // a variant of the letter, chosen by a selector
	"한국어",                // composed
	"\u1112\u1161\u11ab", // the same in conjoining letters
	"𠜎𠜱𠝹",
	"𝔄𝔫𝔫",
	"👍",
	"👍🏽",
	"👨‍👩‍👧‍👦",
	"👩🏽‍❤️‍💋‍👨🏿",
	"🏳️‍🌈",
	"1️⃣",
	"🇫🇷🇩🇪",
	"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", // England
	"🏴‍☠️",
	"\uf8ff", // private use
	"\U0010fffd",
	"ㅤAnn", // behind a Hangul filler, which is a letter
	"null",
	"undefined",
	"true",
	"0",
	"-1",
	"NaN",
	"1e309",
	"9007199254740993",
	"'; DROP TABLE people; --",
	`" OR ""="`,
	`\'; --`,
	"%s%n%d",
	"100%",
	"_",
	"*",
	"{{.Key}}",
	"${HOME}",
	"$(reboot)",
	"<script>alert(1)</script>",
	"&lt;b&gt;&amp;",
	"=HYPERLINK(\"https://example.org\")",
	"@SUM(1+1)",
	"../../etc/passwd",
	`C:\CON`,
	`{"$ne":null}`,
	`{"custom":{"roles":["admin"]}}`,
	"[markdown](https://example.org) *bold* `code`",
	"@everyone",
	"<@!42>",
	"telegram:42",
	"a:b:c",
	"a.b.>",
	strings.Repeat("W", 128),
	strings.Repeat("😀", 128),
}

// Harmful are texts that cannot be kept as they are.
var Harmful = []string{
	" ",
	"\u3164", // a Hangul filler: nothing to be seen
	"\u2800 \u2800",
	"\u00ad\ufe0f\u200d",
	"\x00",
	"Ann\x00Admin",
	"\xff",
	"\xfe",
	"Ann\xc3",
	"\xc0\xaf",
	"\xed\xa0\x80",     // half of a surrogate pair
	"\xf4\x90\x80\x80", // beyond the last code point
	"\xf0\x9f\x98",     // an emoji cut off
	strings.Repeat("\xff", 300),
	"line\nbreak",
	"carriage\r\nreturn",
	"tab\tulator",
	"line\u2028separator",
	"paragraph\u2029separator",
	"next\u0085line",
	"\n\n\n",
	"bell\a, back\b, escape\x1b[31mred\x1b[0m",
	"delete\x7f",
	"\u202egnp.exe",
	"\u202a\u202b\u202c\u202d\u202e",
	"\u2066Ann\u2069",
	"\u200eAnn\u200f",
	"\u061cAnn",
	"An\u200bn",
	"An\u2060n",
	"\ufeffAnn",
	"\u200b",
	"\ufdd0",
	"Ann\uffff\U0001fffe\U0010ffff",
	"\U000e0001\U000e0065\U000e006e", // a language tag
	"Ann\U000e0049\U000e0067\U000e006e\U000e006f\U000e0072\U000e0065",                             // writing that nobody sees
	"🏴\U000e0067\U000e0062",                                                                       // a flag without its end
	"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e0067\U000e0067\U000e0067\U000e007f", // of no region
	"😀\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",                               // on no flag
	"Z\u0351\u036b\u0343\u036a\u0342\u036b\u033d\u034f\u0334\u0319\u0324a\u0321\u0340\u0341\u0342\u0343\u0344",
	"a" + strings.Repeat("\u0301", 1000),
	strings.Repeat("\u0301", 6),
	"a" + strings.Repeat("\u0301\u0301\u0301\u0301\u200d", 10), // a joiner does not begin a new stack
	"a\u0489\u0488\u20dd\u20de\u20e0",                          // enclosing marks
	"  Ann  ",
	"\u00a0Ann\u3000",
	"\nAnn",
	strings.Repeat("W", 2000),
	strings.Repeat("😀", 2000),
	strings.Repeat("👨‍👩‍👧‍👦", 300),
	strings.Repeat("🇫", 1001),
	"a" + strings.Repeat("\u200d", 2000), // one character, as a reader sees it
	strings.Repeat("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 200),
	strings.Repeat("é", 3000),
	strings.Repeat("\x00", 5000) + "Ann",
	"Ann" + strings.Repeat("\u202e", 5000),
}

// Texts are all of them.
var Texts = append(append([]string(nil), Honest...), Harmful...)
