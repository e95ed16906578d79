// Package adaptertest checks that an adapter keeps its side of the bargain: the
// bot behaves as it would without rollcall, and the right people are noted. One
// call runs the whole contract, each property as a subtest under its own name:
//
//	func TestAdapter(t *testing.T) {
//		adaptertest.Run(t, adaptertest.Adapter{
//			Channel: "matrix",
//			UserID:  func(n uint64) string { return fmt.Sprintf("@%d:example.org", n) },
//			Connect: func(t *testing.T, mw *middleware.Middleware) adaptertest.Bot {
//				// Start a real bot of the library against a loopback server.
//			},
//		})
//	}
//
// The suite is strict: a platform that has no such thing as a start command says
// so in Adapter.Skip, by the property's name and with the reason, and the test's
// output shows it. Every property that says that somebody is ignored also checks
// that their event was delivered, so that a bot which hears nothing fails. Where
// username-moves is skipped, people have no username, and none is asked for.
//
// # Properties
//
//   - first-message: one profile, under the exact id
//   - repeat: the same sender again writes nothing
//   - rename: a new name replaces the old one
//   - last-name-removed: a removed last name is cleared
//   - late-event: an event that arrives late does not bring an old name back
//   - username-moves: a username that passes to somebody else takes nobody along
//   - unicode-name: a name of any script stays as it is
//   - hostile-name: a name made to do harm does none
//   - start: the start command is marked, its payload kept
//   - first-payload: a later start does not replace the first payload
//   - addressed: who addresses the bot in a group is noted
//   - overheard: who does not is dropped
//   - sender-not-chat: the key is the person's, not the chat's
//   - bot: other bots are dropped
//   - nobody: an event without a person is dropped
//   - many-people: many at once end as exactly one profile each
//   - bot-unchanged: the bot's handler runs as often as without rollcall
//   - store-fails: the bot answers all the same, and OnFailure is called once
//   - store-hangs: the bot answers all the same, at once
//   - store-panics: the bot answers all the same
//   - hook-panics: the bot answers all the same
//   - after-close: events after Middleware.Close change nothing
//   - reply: Outcome.Reply answers in the chat that the event came from
package adaptertest
