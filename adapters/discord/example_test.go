package discord_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

var nelly = discordtest.User{ID: "80351110224678912", Username: "nelly", GlobalName: "Nelly"}

// One line notes everyone who turns to the bot. The session here talks to a
// loopback Discord; one made by discordgo.New("Bot " + token) is used the same
// way.
func Example() {
	saved := make(chan middleware.Outcome)
	mw, err := middleware.New(memstore.New(), &middleware.Options{
		OnSuccess: func(_ context.Context, o middleware.Outcome) { saved <- o },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer mw.Close(context.Background())

	srv, err := discordtest.NewServer(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	session := srv.Session()
	session.AddHandler(discord.Handler(mw, nil)) // the one line
	if err := session.Open(); err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	if err := srv.Dispatch(discordtest.SlashCommand(nelly, discordtest.DM, "ping")); err != nil {
		log.Fatal(err)
	}
	o := <-saved
	srv.Sync(context.Background())
	fmt.Println(o.Result, o.Key, o.Profile.Name, o.Profile.Locale)
	// Output: created discord:80351110224678912 Nelly en-US
}

// Wrap records who uses one handler, which can ask for the profile at once.
func ExampleWrap() {
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer mw.Close(context.Background())

	handle := discord.Wrap(mw, func(_ *discordgo.Session, m *discordgo.MessageCreate) {
		p, err := discord.Profile(context.Background(), mw, m)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("Hello, " + p.DisplayName() + "!")
	}, &discord.Options{BotID: discordtest.BotID})

	// session.AddHandler(handle) lets discordgo call it:
	handle(nil, &discordgo.MessageCreate{Message: &discordgo.Message{
		ID:        "334385199974967042",
		ChannelID: "290926798999357250",
		Author:    &discordgo.User{ID: "80351110224678912", Username: "nelly", GlobalName: "Nelly"},
	}})
	// Output: Hello, Nelly!
}

// FromRaw is pure: it says what would be observed.
func ExampleFromRaw() {
	e := discordtest.Message(nelly, discordtest.Guild("197038439483310086"), "hi all")
	for s := range discord.FromRaw(e.Type, e.Data, nil) {
		fmt.Println(s.Key(), s.Drop)
	}
	// Output: discord:80351110224678912 not addressed to the bot
}
