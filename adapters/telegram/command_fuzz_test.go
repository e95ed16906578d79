package telegram

import (
	"regexp"
	"testing"
)

// telebotCommand is telebot's own expression (bot.go, cmdRx).
var telebotCommand = regexp.MustCompile(`^(/\w+)(@(\w+))?(\s|$)(.+)?`)

// What is a command, whose, and with which payload, is what telebot says.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"/start", "/start@rollcall_bot x", "/start\tx y\nz", "/ start", "/start@", "/start@bot@bot", "//x", "/ä", "/start  x", "/start\n\nx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, bot, payload, ok := command(text)
		want := telebotCommand.FindStringSubmatch(text)
		if ok != (want != nil) || ok && (name != want[1] || bot != want[3] || payload != want[5]) {
			t.Errorf("command(%q) = %q, %q, %q, %t; telebot has %q", text, name, bot, payload, ok, want)
		}
		if deepLink(payload) && (len(payload) > maxPayload || payload == "") {
			t.Errorf("%q passes for the payload of a link", payload)
		}
	})
}
