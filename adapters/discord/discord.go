package discord

import (
	"context"
	"fmt"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// Channel is the channel of every Key that this adapter makes: the Key of user
// 80351110224678912 is "discord:80351110224678912".
const Channel = "discord"

// A Scope is whose profiles are kept.
type Scope uint8

// The scopes.
const (
	// Addressed keeps those who turn to the bot: in direct messages, by an
	// interaction (a command, a button, a modal, an autocompletion), by
	// mentioning the bot itself (not @everyone or a role), by replying to it.
	// Of other events nothing is even read.
	Addressed Scope = iota
	// Everyone keeps every person whom the bot can see act: it adds all messages,
	// joins and leaves, changes of members, typing, reactions, voice,
	// threads, and presences that say more than an id. Which of these Discord
	// sends is a matter of the session's intents. Whoever chooses it keeps
	// data on people who never asked the bot for anything.
	Everyone
)

// Options are the settings of the adapter. The zero value and nil are ready to
// use. They are copied.
type Options struct {
	// Scope is whose profiles are kept. Zero: Addressed.
	Scope Scope
	// Nicks keeps people's names in single guilds too, in Profile.Nicks. What
	// Profile.Name holds is never a nick: with one, it would change with each
	// guild that the person writes in.
	Nicks bool
	// Joins notes who joins a guild, whatever the Scope, from the message in
	// which the guild greets them. Unlike GUILD_MEMBER_ADD it needs no
	// privileged intent, but guilds can turn it off.
	Joins bool
	// Backfill notes, with Scope Everyone, also those members who are merely
	// listed: in GUILD_CREATE, and in the chunks of up to 1,000 that
	// discordgo's RequestGuildMembers brings.
	Backfill bool
	// BotID is the bot's own user id, by which a mention of it and a reply to
	// it are known. Handler learns it when the session becomes ready and needs
	// no BotID. Wrap of a typed handler and the From functions do: without it,
	// only direct messages and interactions are addressed to the bot.
	BotID string
}

var (
	defaults  Options
	everybody = Options{Scope: Everyone}
)

func (o *Options) orDefault() *Options {
	if o == nil {
		return &defaults
	}
	kept := *o
	return &kept
}

func (o *Options) me() uint64 {
	id, _ := parseID(o.BotID)
	return id
}

// Handler returns a handler that observes the sender of every event. Add it to
// each session, or to a shard manager, before it opens:
//
//	session.AddHandler(discord.Handler(mw, nil))
//
// One value serves any number of sessions of one bot. It reads the data as
// Discord sent them, so it also knows the sender of an event that discordgo
// failed to decode, and tells a removed name from one that was not sent.
//
// It hands over and returns: it calls no API, takes no lock of the session,
// reads no State, and lets no panic of its own out. o may be nil; a nil mw
// observes nothing.
func Handler(mw *middleware.Middleware, o *Options) func(*discordgo.Session, *discordgo.Event) {
	return newAdapter(mw, o).raw
}

// Wrap returns next with rollcall before it: the sender of each event is
// observed, then next is called, once, with what it would have got. A panic of
// next stays next's.
//
// The events that are observed are *discordgo.MessageCreate, MessageUpdate,
// InteractionCreate and Event; of any other E, next is all that is called. An E
// of type any hears each event twice from discordgo, decoded and raw; the raw
// one is observed. For typed events set Options.BotID.
//
// Use Handler where nothing speaks against it, and either of them, not both.
func Wrap[E any](mw *middleware.Middleware, next func(*discordgo.Session, E), o *Options) func(*discordgo.Session, E) {
	a := newAdapter(mw, o)
	_, a.rawOnly = any((*E)(nil)).(*any)
	return func(s *discordgo.Session, event E) {
		a.observe(s, event)
		next(s, event)
	}
}

// FromMessage says who wrote a message that discordgo decoded. It reads
// m.Author, Member, Mentions and ReferencedMessage. Since discordgo gives ""
// for what Discord did not send and for what it sent as null, "" says nothing,
// except that an author who has a username and no avatar or global name has
// none. Reply and Native of the Sender are nil. m and o may be nil.
func FromMessage(m *discordgo.Message, o *Options) middleware.Sender {
	opts := o.orDefault()
	a := fromMessage(messageCreate, m, opts)
	return a.sender(opts)
}

func fromMessage(event string, src *discordgo.Message, o *Options) act {
	var m message
	m.readTyped(src, o.me())
	m.settle(event, o.me(), o)
	return m.act
}

// FromInteraction says who caused an interaction that discordgo decoded, from
// the gateway or, for a bot without one, from an HTTP request. i and o may be
// nil; the rest is as in FromMessage.
func FromInteraction(i *discordgo.Interaction, o *Options) middleware.Sender {
	a := fromInteraction(i)
	return a.sender(o.orDefault())
}

func fromInteraction(src *discordgo.Interaction) act {
	var i interaction
	i.readTyped(src)
	return i.act
}

// Profile returns the profile of who caused an event: a *discordgo.Message,
// MessageCreate, MessageUpdate, Interaction or InteractionCreate, with what the
// event itself says; discordgo may run the bot's handler before ours. It asks
// the store, each time. The error wraps store.ErrInvalid where mw is nil, and
// where the event is nil, of another type, or has no sender. Else it is that of
// Middleware.Profile, and the profile holds what the event says beside it. Of
// somebody of whom nothing is kept it holds that alone, and the error is nil:
// whether a message in a guild is addressed to the bot is not known here.
func Profile(ctx context.Context, mw *middleware.Middleware, event any) (store.Profile, error) {
	if mw == nil {
		return store.Profile{}, fmt.Errorf("discord: profile: no middleware: %w", store.ErrInvalid)
	}
	a, ok := fromTyped(event, &everybody)
	if !ok {
		return store.Profile{}, fmt.Errorf("discord: profile: %T is no message and no interaction: %w", event, store.ErrInvalid)
	}
	s := a.sender(&everybody)
	if s.NumericID == 0 {
		return store.Profile{}, fmt.Errorf("discord: profile: the %s has no sender: %w", s.Event, store.ErrInvalid)
	}
	return mw.Profile(ctx, &s)
}

// fromTyped returns who acted in an event that discordgo decoded, and whether it is
// of a type that has somebody.
func fromTyped(event any, o *Options) (act, bool) {
	switch e := event.(type) {
	case *discordgo.Message:
		return fromMessage(messageCreate, e, o), true
	case *discordgo.MessageCreate:
		if e == nil {
			return fromMessage(messageCreate, nil, o), true
		}
		return fromMessage(messageCreate, e.Message, o), true
	case *discordgo.MessageUpdate:
		if e == nil {
			return fromMessage(messageUpdate, nil, o), true
		}
		return fromMessage(messageUpdate, e.Message, o), true
	case *discordgo.Interaction:
		return fromInteraction(e), true
	case *discordgo.InteractionCreate:
		if e == nil {
			return fromInteraction(nil), true
		}
		return fromInteraction(e.Interaction), true
	default:
		return act{}, false
	}
}
