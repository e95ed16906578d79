package telegramtest

import (
	"strings"
	"unicode/utf16"
)

// entities finds commands and mentions: words that start with '/' or '@'.
// Offsets and lengths count UTF-16 units.
// https://core.telegram.org/bots/api#messageentity
func entities(text string) []any {
	var found []any
	offset := 0
	for len(text) > 0 {
		word, space := text, ""
		if i := strings.IndexAny(text, " \n"); i >= 0 {
			word, space = text[:i], text[i:i+1]
		}
		length := len(utf16.Encode([]rune(word)))
		if length > 1 {
			switch word[0] {
			case '/':
				found = append(found, content("type", "bot_command", "offset", offset, "length", length))
			case '@':
				found = append(found, content("type", "mention", "offset", offset, "length", length))
			}
		}
		offset += length + len(space)
		text = text[len(word)+len(space):]
	}
	return found
}
