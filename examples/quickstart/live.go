package main

import (
	"context"
	"fmt"
	"io"

	"github.com/rollcall-go/rollcall/middleware"
)

// playLive serves the platforms that there is a token for, until Ctrl-C.
func playLive(ctx context.Context, o options, mw *middleware.Middleware, story io.Writer) error {
	if o.telegramToken != "" {
		t, err := startTelegram(o, mw)
		if err != nil {
			return err
		}
		defer t.stop()
		fmt.Fprintf(story, "Talk to @%s on Telegram. Ctrl-C ends.\n", t.bot.Me.Username)
	}
	if o.discordToken != "" {
		d, err := startDiscord(o, mw)
		if err != nil {
			return err
		}
		defer d.stop()
		fmt.Fprintln(story, "Talk to the bot on Discord: write to it directly or mention it. Ctrl-C ends.")
	}
	<-ctx.Done()
	return nil
}
