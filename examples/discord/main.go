// Command discord is a Discord bot that keeps a profile of everyone who talks to
// it in users.db, tells them so, and answers /mydata, /forgetme and /remember. It
// needs no privileged intent.
//
//	DISCORD_TOKEN=... go run ./examples/discord
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/bwmarrin/discordgo"
	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	st, err := sqlitestore.Open("users.db")
	if err != nil {
		log.Fatal(err)
	}
	mw, err := middleware.New(st, &middleware.Options{
		Logger:    zap.Must(zap.NewProduction()),
		OnSuccess: func(ctx context.Context, o middleware.Outcome) { _ = o.Reply(ctx, "I added/updated your information.") },
		OnFailure: func(ctx context.Context, o middleware.Outcome, _ error) { _ = o.Reply(ctx, "I could not save it yet.") },
	})
	if err != nil {
		log.Fatal(err)
	}

	session, err := discordgo.New("Bot " + os.Getenv("DISCORD_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	session.AddHandler(discord.Handler(mw, nil)) // the one line
	session.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) {
		if m.Author != nil && !m.Author.Bot && m.GuildID == "" {
			p, _ := discord.Profile(ctx, mw, m)
			_, _ = s.ChannelMessageSend(m.ChannelID, "Hello, "+p.DisplayName()+"!")
		}
	})
	handlePrivacy(session, mw)
	if err := session.Open(); err != nil {
		log.Fatal("Discord does not answer, or refuses DISCORD_TOKEN")
	}
	<-ctx.Done()
	_ = session.Close()
	if err := errors.Join(mw.Close(ctx), st.Close()); err != nil { // Close saves what waits
		log.Fatal(err)
	}
}
