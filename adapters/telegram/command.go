package telegram

import (
	"strings"

	tele "gopkg.in/telebot.v3"
)

// command takes a text apart as telebot does for its handlers:
// /name@bot payload, with name including the slash. ok is false where the text
// is no command.
func command(text string) (name, bot, payload string, ok bool) {
	if text == "" || text[0] != '/' {
		return "", "", "", false
	}
	end := 1 + wordLen(text[1:])
	if end == 1 {
		return "", "", "", false
	}
	name, rest := text[:end], text[end:]
	if strings.HasPrefix(rest, "@") {
		n := 1 + wordLen(rest[1:])
		if n == 1 {
			return "", "", "", false
		}
		bot, rest = rest[1:n], rest[n:]
	}
	if rest == "" {
		return name, bot, "", true
	}
	if !strings.ContainsRune("\t\n\f\r ", rune(rest[0])) {
		return "", "", "", false
	}
	payload, _, _ = strings.Cut(rest[1:], "\n")
	return name, bot, payload, true
}

// wordLen is how many bytes of a-z, A-Z, 0-9 and '_' s starts with.
func wordLen(s string) int {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '_' {
			return i
		}
	}
	return len(s)
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isName reports whether a user name, without '@', is that of me.
func isName(name string, me *tele.User) bool {
	return me != nil && me.Username != "" && strings.EqualFold(name, me.Username)
}

const maxPayload = 64

// deepLink reports whether a payload can have come from a link such as
// https://t.me/bot?start=payload. Anything else was typed by hand.
// https://core.telegram.org/bots/features#deep-linking
func deepLink(payload string) bool {
	if payload == "" || len(payload) > maxPayload {
		return false
	}
	for i := range len(payload) {
		if c := payload[i]; !alphanumeric(c) && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
