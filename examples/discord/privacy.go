package main

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

var privacyCommands = []*discordgo.ApplicationCommand{
	{Name: "mydata", Description: "What this bot keeps of you"},
	{Name: "forgetme", Description: "Erase what this bot keeps of you, and keep nothing any more"},
	{Name: "remember", Description: "Let this bot keep your profile again"},
}

// handlePrivacy answers people who ask what is kept of them, want to be forgotten,
// or change their mind. Nobody else sees the answers.
func handlePrivacy(session *discordgo.Session, mw *middleware.Middleware) {
	session.AddHandler(func(s *discordgo.Session, r *discordgo.Ready) {
		if r.Application == nil {
			return
		}
		for _, c := range privacyCommands {
			_, _ = s.ApplicationCommandCreate(r.Application.ID, "", c) // again with the next Ready
		}
	})
	session.AddHandler(func(s *discordgo.Session, i *discordgo.InteractionCreate) {
		user := i.User // in a direct message
		if i.Member != nil {
			user = i.Member.User
		}
		if i.Type != discordgo.InteractionApplicationCommand || user == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // Discord waits for three
		defer cancel()
		answer, err := privacyAnswer(ctx, mw, i.ApplicationCommandData().Name, store.Key{Channel: discord.Channel, UserID: user.ID})
		if err != nil {
			answer = &discordgo.InteractionResponseData{Content: "I could not do that just now. Please try again in a minute."}
		}
		if answer != nil {
			answer.Flags = discordgo.MessageFlagsEphemeral
			_ = s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{
				Type: discordgo.InteractionResponseChannelMessageWithSource, Data: answer,
			})
		}
	})
}

// privacyAnswer returns nil for a command that is another handler's.
func privacyAnswer(ctx context.Context, mw *middleware.Middleware, command string, person store.Key) (*discordgo.InteractionResponseData, error) {
	switch command {
	case "mydata":
		all, err := mw.Export(ctx, person)
		if err != nil {
			return nil, err
		}
		text, err := json.MarshalIndent(all, "", "  ")
		file := &discordgo.File{Name: "mydata.json", ContentType: "application/json", Reader: bytes.NewReader(text)}
		return &discordgo.InteractionResponseData{Files: []*discordgo.File{file}}, err
	case "forgetme":
		return &discordgo.InteractionResponseData{
			Content: "You are forgotten. I keep your number, and nothing else of you, so as not to take you in again. /remember undoes that.",
		}, mw.Forget(ctx, person)
	case "remember":
		return &discordgo.InteractionResponseData{Content: "With your next message I take you in again."}, mw.Readmit(ctx, person)
	}
	return nil, nil
}
