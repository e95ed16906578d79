// Package discordtest is a Discord that runs in the process: a gateway and a
// REST API on the loopback interface, for tests and demonstrations of bots that
// are built on github.com/bwmarrin/discordgo. Nothing leaves the machine, and no
// token is needed.
//
//	srv, err := discordtest.NewServer(nil)
//	defer srv.Close()
//	session := srv.Session()
//	session.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) { ... })
//	err = session.Open()
//	err = srv.Dispatch(discordtest.Message(ann, discordtest.DM, "hello"))
//	err = srv.Sync(ctx)
//	fmt.Println(srv.Sent())
//
// The session is a real one, which talks to the server as to Discord: it
// identifies, heartbeats, resumes and reconnects. [Server.Attach] points a
// session at the server that the bot's own code made.
//
// What the server does follows https://discord.com/developers/docs. It checks the
// token, assigns events to shards as Discord does (by guild, direct messages to
// shard 0), sends a session only the events that its intents ask for, numbers
// them, replays them on resume, compresses them when asked to, and insists on one
// response to an interaction before followups. It does not blank the content of
// messages where that intent is missing, does not check rate limits, and keeps no
// guilds, channels or messages.
//
// The events come from functions such as [Message] and [SlashCommand], and look
// as Discord's do, with ids made of the time. [Event.With] changes them, and an
// Event also decodes from JSON ({"t": ..., "d": ...}).
package discordtest
