// Package adapters has no code: it is the guide to writing an adapter. An
// adapter turns the events of one chat platform's client library into values of
// middleware.Sender and hands each to Middleware.Observe. These two are all of
// rollcall that it needs; profiles, stores and hooks are not its business.
//
// Beside this guide are the adapters for Telegram (package telegram) and Discord
// (package discord), and package adaptertest, which checks yours with one call.
// examples/customadapter is a whole adapter in some 40 lines, with its test:
// start by copying it.
//
// # In an hour
//
//  1. Write a pure function from the library's event to a Sender. No I/O, no
//     calls of the platform, no clock, no shared state. All that you know of the
//     platform ends up here, and most of your tests.
//  2. Write one function that hangs it into the library: a middleware, a
//     handler or a wrapped receiver, whatever the library's users know already.
//     It observes, then lets the event go on.
//  3. Write Connect for adaptertest: a server on loopback that speaks enough of
//     the platform's protocol, and the real library connected to it.
//  4. Run adaptertest and do what its failures say.
//
// # The pure function
//
// Fill in who and when first:
//
//	s := middleware.Sender{
//		Channel: "matrix",         // fixed: 1 to 32 of a-z, 0-9, '-', '_'
//		UserID:  ev.Sender,        // or NumericID, where ids are integers
//		Event:   "m.room.message", // the platform's own word, a constant
//		At:      ev.Time,          // by the platform's clock
//		Chat:    ev.RoomID,        // what Reply needs to find the chat
//	}
//
// UserID is the id that never changes and never passes to somebody else: not the
// username, not the phone number, not the chat. Where ids are integers keep them
// integers all the way. A float64 holds 53 bits, so an id that encoding/json
// decoded into any is a neighbour's.
//
// At orders what is known: of two events the one that happened later wins,
// whichever arrives first. Take the event's own time stamp, or the time in its id
// where ids carry one. A time of arrival brings old names back. For events that
// carry none there is middleware.Clock, which goes by those that do: Note the time
// of every event that has one, and ask Now for the others. Now also says whether
// that time is known; where it is not, and your platform can deliver a backlog
// (what happened while the bot was away), set Undated:
//
//	at, known := clock.Now()
//	s.At, s.Undated = at, !known
//
// Where the platform counts whole seconds, add a fraction from its order of
// events, if it has one.
//
// Then say why the event makes no profile, if it makes none, in Drop:
//
//   - nobody is behind it, or the sender is missing: ReasonNobody
//   - another bot: ReasonBot; a webhook: ReasonWebhook
//   - a channel or group that speaks as itself: ReasonChannel
//   - an admin who hides behind the group: ReasonAnonymous
//   - an account of the platform's own: ReasonService
//   - a line that the platform wrote about somebody: ReasonSystem
//   - nobody asked the bot: ReasonUnaddressed, see Scope below
//   - the event does not decode: ReasonMalformed
//
// Observe these too, with all else that you know of them: each event ends in
// exactly one Outcome, and middleware.Options.Who may decide otherwise. The
// person is the one who acted. People who are mentioned, quoted, forwarded or
// shared did not act.
//
// Last, state the profile. Set start commands apart with Start, and their payload
// with store.FieldStartPayload; that only the first one is kept is not your
// concern.
//
// # Absent, empty, value
//
// For every field an event says one of three things, and mixing them up is the
// commonest mistake of all:
//
//   - the field has this value: s.Set(field, value)
//   - the field has no value, or no longer: s.Clear(field), or s.Set(field, "")
//   - nothing about the field: call nothing, and what is kept stays
//
// What a missing field of the event means, the platform decides. Telegram's user
// object is complete: without last_name, the person has none, so it is cleared.
// But its language_code comes and goes with the client, so there a missing one
// says nothing. Discord's presence updates are partial: a user without username
// is one whose name was not said. And in Discord's JSON, null and absent differ,
// though a Go string shows "" for both: decode into pointers where it matters.
// Write down per kind of event whether it is complete or partial, with the link
// to the platform's documentation.
//
// Values go in as they are. Text is repaired by the middleware (encoding, control
// characters, length), so do not trim, escape, split or translate. A platform with
// one name sets store.FieldName; splitting it into given and family name is a
// guess about somebody's culture. One with two sets both and leaves FieldName to
// be made of them. Names that hold in a single guild or group go to
// store.NickField. Never state a URL that holds the bot's token, as Telegram's
// file links do.
//
// # Scope
//
// By default only those who talk to the bot are noted: private chats, button
// presses and the like, and in groups commands to it, mentions of it and replies
// to it. Everybody else gets ReasonUnaddressed. Offer the choice under the name
// the other adapters have:
//
//	type Options struct {
//		Scope Scope // zero: Addressed
//	}
//
// with Addressed and Everyone as its values, and say in its comment what Everyone
// means: profiles of people who never asked for one.
//
// # Reply
//
// Outcome.Reply lets a hook answer in the chat that the event came from. Make one
// function for each adapter, not one for each event, and give the event's chat in
// Chat: both live on after Observe returned, so Chat must be a value or something
// that nobody changes. Where it is neither, or holds on to a whole event, take what
// Reply needs of it in KeepChat. Reply runs on a goroutine of the middleware, on
// several where hooks start them, may come hours after the event, obeys its
// context, and takes tokens out of the errors it returns; many libraries put the
// request's URL into theirs.
//
// # The bot comes first
//
// The adapter runs for every event, on the bot's goroutine:
//
//   - call the next handler exactly once, with what you were given, and return
//     its error unchanged
//   - return no error of your own, and wait for nothing: no I/O, no call of the
//     platform, no lock of the library's, no Middleware.Get, Set or Flush
//   - recover your own panics, and only yours: one of the user's handler is the
//     user's, and hiding it changes their bot. A deferred recover that observes a
//     Sender with ReasonPanic is enough
//   - register no handlers in the user's name where that replaces theirs; change
//     no settings of their bot
//   - copy what you need before you return: libraries change their events later.
//     Strings are safe, pointers into the event are not
//   - start no goroutine: Observe does not block
//   - keep going after Middleware.Close: Observe does nothing then
//
// Keep the path of an unchanged sender free of allocations: NumericID instead of
// a formatted id, Sender on the stack, no closures, no fmt. A benchmark with
// b.ReportAllocs keeps it so.
//
// # Mistakes seen in the wild
//
//   - Hooking in where the library calls only matching handlers. telebot runs its
//     middleware for no update that has no handler, and for no handler that was
//     registered before it.
//   - Taking the sender of a callback's message, which is the bot, for the one who
//     pressed the button.
//   - Taking the shortcut accessor for the sender. It is nil for channel posts, and
//     for anonymous admins and automatic forwards it is an account of the
//     platform's that no is_bot flag marks.
//   - Reading the user from one place. A Discord interaction has it under member in
//     guilds and under user in private.
//   - Reading fields from the library's cache. It races with later events, and
//     holds half-empty users that partial events left there.
//   - Trusting decoded structs after a decode error. discordgo hands on what it has;
//     the raw event still names the author.
//   - Letting a nick of one guild be the name, which then changes with every guild
//     the person writes in.
//   - Handing the library's callback a named function type. discordgo's AddHandler
//     matches exact types and drops others with a log line.
//   - Seeing the same event on two ways into the library and observing it twice.
//   - Insert only, so that nobody is ever renamed; or upsert of everything, so that
//     "" overwrites what was known.
//
// # Checklist
//
//   - adaptertest.Run passes against the real library, under -race; each Skip has a
//     reason that the platform's documentation bears out
//   - a table test of the pure function over recorded events of every kind, and a
//     fuzz test over their bytes
//   - one import besides rollcall's own and the standard library: the platform's
//   - a doc comment for every exported name, and a runnable Example
//   - the README of a platform's privacy rules: what you read, and what you never do
package adapters
