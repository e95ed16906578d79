package discordtest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
)

// A bot is tested with a real session, and no Discord.
func Example() {
	srv, err := discordtest.NewServer(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	session := srv.Session()
	session.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) {
		s.ChannelMessageSend(m.ChannelID, "Hello, "+m.Author.GlobalName+"!")
	})
	if err := session.Open(); err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	ann := discordtest.User{ID: "80351110224678912", Username: "ann", GlobalName: "Ann"}
	if err := srv.Dispatch(discordtest.Message(ann, discordtest.DM, "hi")); err != nil {
		log.Fatal(err)
	}
	sent, err := srv.WaitSent(context.Background(), 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sent[0].Text)
	srv.Sync(context.Background()) // before Close
	// Output: Hello, Ann!
}
