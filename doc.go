// Package rollcall is the map of this module; it has no code. rollcall keeps a
// profile of everyone who talks to a Go chatbot.
//
// If you write a bot, start with the README and examples/quickstart, then:
//
//   - middleware: Middleware and its Options, the hooks and their Outcome
//   - adapters/telegram, adapters/discord: the one line that joins it to your bot
//   - store/sqlitestore: where the profiles are by default; store/memstore for tests;
//     store/pgstore and store/natsstore for bots of many processes
//   - store: what a Profile is, field by field; store/export: listings as CSV and
//     JSON lines
//   - store/backend/monosay, genauth, rocketchat, webhook: other systems that are
//     kept in step
//   - middleware/otelrollcall: metrics and traces for OpenTelemetry
//
// If your bot's tests need a platform to talk to:
//
//   - adapters/telegram/telegramtest, adapters/discord/discordtest: loopback servers
//   - store/backend/monosay/monosaytest, genauth/genauthtest,
//     rocketchat/rocketchattest, webhook/webhooktest: doubles of the systems
//
// If you extend rollcall:
//
//   - adapters: the guide to writing an adapter; adapters/adaptertest checks yours
//   - store: the guide to writing a store; store/storetest checks yours
//   - store: the guide to writing a backend as well; store/backendtest checks yours,
//     store/backend/rest makes its HTTP calls
//   - examples/customadapter, examples/custombackend: whole ones, with their tests
//
// If you change rollcall itself: CONTRIBUTING.md, and arch_test.go for the rules
// that the packages keep among themselves.
package rollcall
