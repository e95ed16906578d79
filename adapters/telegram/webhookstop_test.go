package telegram_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// stopWebhook names the variable that tells a child process what to stop: a bot
// that is "bare" or "attached".
const stopWebhook = "ROLLCALL_TEST_STOP_WEBHOOK"

// telebot v3.3.8 closes the stop channel of a webhook twice, on a goroutine that
// nobody can recover, so the process ends (its issues 584, 760 and 783). That is
// telebot's, and neither hidden nor made worse.
func TestWebhookStopPanicsAsEver(t *testing.T) {
	if how := os.Getenv(stopWebhook); how != "" {
		stopOfWebhook(t, how == "attached")
		return
	}
	t.Parallel()
	for _, how := range []string{"bare", "attached"} {
		t.Run(how, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestWebhookStopPanicsAsEver$")
			child.Env = append(os.Environ(), stopWebhook+"="+how)
			out, err := child.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "panic: close of closed channel") || !strings.Contains(string(out), "(*Webhook).waitForStop") {
				t.Errorf("the process ended with %v: is telebot repaired?\n%s", err, out)
			}
		})
	}
}

// stopOfWebhook is the child process.
func stopOfWebhook(t *testing.T, attach bool) {
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	addr := freeAddress(t)
	bot, err := tele.NewBot(tele.Settings{
		URL: srv.URL(), Token: srv.Token(),
		Poller: &tele.Webhook{Listen: addr, Endpoint: &tele.WebhookEndpoint{PublicURL: "http://" + addr}},
	})
	if err != nil {
		t.Fatal(err)
	}
	handled := make(chan struct{}, 1)
	bot.Handle(tele.OnText, func(tele.Context) error { handled <- struct{}{}; return nil })
	if attach {
		mw, err := middleware.New(newGate(), nil)
		if err != nil {
			t.Fatal(err)
		}
		telegram.Attach(bot, mw, nil)
	}
	go bot.Start()
	if err := srv.Push(say(ann, "hi")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-handled:
	case <-time.After(patience / 2):
		t.Fatal("the webhook got nothing")
	}
	bot.Stop()
	time.Sleep(patience / 2) // for the panic, which comes from another goroutine
}
