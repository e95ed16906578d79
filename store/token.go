package store

import (
	"regexp"
	"strconv"
	"strings"
)

const tokenProblem = "holds the token of a Telegram bot: whoever reads it owns the bot"

// botToken finds the path of a Telegram bot, with its file paths among them
// (https://core.telegram.org/bots/api#getfile), and what has the shape of a token
// wherever it stands, since a file server of one's own may have other paths.
var botToken = regexp.MustCompile(`(?i)/bot[0-9]+:[a-z0-9_-]|[0-9]{6,}:[a-z0-9_-]{35}`)

// holdsBotToken reports whether s holds the token of a Telegram bot, also where
// it is percent-encoded, or encoded again as an argument of a picture proxy.
func holdsBotToken(s string) bool {
	const depth = 4
	for range depth {
		if strings.IndexByte(s, ':') >= 0 && botToken.MatchString(s) {
			return true
		}
		if strings.IndexByte(s, '%') < 0 {
			return false
		}
		s = percentDecode(s)
	}
	return false
}

// percentDecode decodes what is well encoded and leaves the rest, for a reader
// who is as lenient.
func percentDecode(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
