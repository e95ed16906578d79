package store

import (
	"encoding/hex"
	"strings"
)

const tokenProblem = "holds the token of a Telegram bot: whoever reads it owns the bot"

// holdsBotToken reports whether s holds the token of a Telegram bot, also where
// it is percent-encoded, or encoded again as an argument of a picture proxy.
func holdsBotToken(s string) bool {
	const depth = 4
	for range depth {
		if showsBotToken(s) {
			return true
		}
		if strings.IndexByte(s, '%') < 0 {
			return false
		}
		s = percentDecode(s)
	}
	return false
}

const (
	minBotID  = 6
	secretLen = 35
)

// showsBotToken looks for the path of a Telegram bot, /bot<id>:<secret>, which
// is within those of its files (https://core.telegram.org/bots/api#getfile), and
// for what has the shape of a token wherever it stands, since a file server of
// one's own may have other paths.
func showsBotToken(s string) bool {
	for {
		before, after, found := strings.Cut(s, ":")
		if !found {
			return false
		}
		path := strings.TrimRight(before, "0123456789")
		digits, secret := len(before)-len(path), secretPrefix(after)
		if digits > 0 && secret > 0 && endsInBot(path) || digits >= minBotID && secret >= secretLen {
			return true
		}
		s = after
	}
}

func endsInBot(path string) bool {
	const bot = "/bot"
	return len(path) >= len(bot) && strings.EqualFold(path[len(path)-len(bot):], bot)
}

// secretPrefix is how many characters s begins with that a secret may have.
func secretPrefix(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool { return notInCustomKey(r) && r != '-' })
	if n < 0 {
		return len(s)
	}
	return n
}

// percentDecode decodes what is well encoded and leaves the rest, for a reader
// who is as lenient.
func percentDecode(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	var c [1]byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if _, err := hex.Decode(c[:], []byte(s[i+1:i+3])); err == nil {
				b.WriteByte(c[0])
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
