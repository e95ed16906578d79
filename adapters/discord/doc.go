// Package discord keeps a profile of everyone who talks to a bot that is built
// on github.com/bwmarrin/discordgo. One line attaches it, before the session
// opens:
//
//	session.AddHandler(discord.Handler(mw, nil))
//
// # Intents
//
// None is needed beyond what the bot asks for anyway, and no privileged one:
// Discord sends who wrote a message without MESSAGE_CONTENT, and interactions
// without any intent. GUILD_MEMBERS and GUILD_PRESENCES matter only for the
// member events and presences of [Everyone].
//
// # Whose profiles
//
// By default ([Addressed]) of those who turn to the bot: direct messages,
// slash commands, buttons, modals and autocompletion, messages that mention the
// bot, replies to it. A bot that listens for a text prefix such as "!help" needs
// [Everyone], which keeps every person whom the bot can see act. That is data on
// people who never asked the bot for anything: Discord's Developer Policy wants
// a function that needs it, and the bot's privacy policy has to say so.
//
// Bots, webhooks (so also the reposts of PluralKit and its kin), Discord's own
// account, and messages that Discord writes (a boost, a pin) make no profile.
// They end as middleware.Dropped with the reason. Events that tell of nobody
// who acts are not observed at all, among them those that hold an id and
// nothing else: a reaction or typing in a direct message, poll votes, bans.
//
// # What is kept
//
//   - UserID: the snowflake. Usernames change hands; ids do not.
//   - Name: the global name, else the username, never split in two.
//   - Username.
//   - Picture: the avatar's URL at Discord's CDN, none for the coloured default.
//   - Locale: that of the person's client, which only interactions tell.
//   - Nicks: with Options.Nicks.
//   - Status: active whenever the person acts. Left, with [Everyone], when they
//     leave a guild; as they may share another one with the bot, their next
//     event makes them active again.
//
// Discord tells no bot an email address, a phone number or a real name. A field
// that an event leaves out stays as it is kept; one that is null is cleared.
//
// Messages and interactions are ordered by the time in their id, which holds
// across shards, processes and restarts, so that it does not matter that
// discordgo hands events to handlers out of order. Of an edit, the time is that
// of the edit. Other events count as happening now, by Discord's clock as last
// seen (middleware.Clock).
//
// Discord has no start command, so middleware.StartOnly leaves all of its
// people out.
//
// # Shards
//
// The same handler value serves all sessions of a bot, and a shard manager's
// AddHandler takes it too. Discord sends direct messages to shard 0, and a
// change of somebody's name once for each shard that sees them: the first is an
// update, the others are unchanged.
//
// # Handler or Wrap
//
// [Handler] hears everything, as Discord sent it. [Wrap] is middleware around
// one handler of the bot's, for a bot that wants to record who uses just this
// one; it sees what discordgo decoded, which of some messages with newer
// components is nothing. Where discordgo's state tracks messages
// (State.MaxMessageCount above 0), it also changes a decoded message while
// handlers read it; that is Wrap's risk as well as the handler's. Use one of
// the two.
//
// # Replies
//
// Outcome.Reply sends to the channel that the message came from. An interaction
// is answered by an ephemeral followup; until the bot has given its own first
// response, Reply waits, up to three seconds after the interaction came, and from
// fifteen minutes on it is too late: middleware.ErrNoChat. A reply pings nobody. It is the
// only call that the adapter makes to Discord, and it runs on the hook's
// goroutine: discordgo may sleep there, whatever the context says, when a rate
// limit is used up. Errors are discordgo's without their secrets: a
// *discordgo.RESTError has no Request.
//
// To test a bot without Discord, see package discordtest.
package discord
