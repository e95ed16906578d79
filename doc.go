// Package rollcall is the map of this module; it has no code. rollcall keeps a
// profile of everyone who talks to a Go chatbot.
//
// If you write a bot, start with the README and examples/quickstart, then:
//
//   - middleware: Middleware and its Options, the hooks and their Outcome
//   - adapters/telegram, adapters/discord: the one line that joins it to your bot
//   - store/sqlitestore: where the profiles are by default; store/memstore for tests
//   - store: what a Profile is, field by field
//
// If your bot's tests need a platform to talk to:
//
//   - adapters/telegram/telegramtest, adapters/discord/discordtest: loopback servers
//
// If you extend rollcall:
//
//   - adapters: the guide to writing an adapter; adapters/adaptertest checks yours
//   - store: the guide to writing a store; store/storetest checks yours
//   - examples/customadapter: a whole adapter, with its test
//
// If you change rollcall itself: CONTRIBUTING.md, and arch_test.go for the rules
// that the packages keep among themselves.
package rollcall
