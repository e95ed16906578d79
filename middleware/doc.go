// Package middleware turns senders into saved profiles. It stands between the
// adapters, which say who acted, and a store, which keeps what is known of them.
//
//	st, err := sqlitestore.Open("users.db")
//	...
//	mw, err := middleware.New(st, &middleware.Options{
//		Logger: logger,
//		OnSuccess: func(ctx context.Context, o middleware.Outcome) {
//			o.Reply(ctx, "I updated your information.")
//		},
//	})
//	...
//	defer mw.Close(ctx)
//	telegram.Attach(bot, mw, nil)
//
// # What happens to a message
//
// An adapter makes a [Sender] of each event and calls [Middleware.Observe], on
// the bot's goroutine. Observe compares the sender with what was last made
// durable of the person. Nothing new: that is all, without a lock or I/O, and
// without an allocation unless Options.OnOutcome is set. Else the change goes into
// memory, one entry a person however many changes, and Observe returns.
//
// One goroutine repairs and saves what waits, at most 500 people in a transaction, in
// the order in which they came. Unless so many wait, or somebody waits in Flush or Close,
// it rests for 5 ms after each, so that people who follow one another share one. When a
// commit is durable, and not before, the person counts as known and the hooks are told.
//
// # Outcomes
//
// Every observation ends in exactly one [Outcome]: [Created], [Updated],
// [Unchanged], [Coalesced], [Dropped] or [Failed]. Options.OnSuccess hears of
// Created and Updated, and of Delivered and Erased at backends, OnFailure of Failed,
// OnOutcome of all, and [Middleware.Stats] counts them. Hooks run one at a time on a goroutine of
// their own and the outcomes of one person come in order, but for this: an
// observation that joins one that waits is Coalesced at once, before the other
// is saved.
//
// # When the store is away
//
// The bot notices nothing: no reply is later, no handler sees another error.
// What is observed waits in memory, for up to 100,000 people or 64 MiB, and the
// store is asked again after random pauses of up to 30 seconds. After
// Options.Attempts refusals an observation is reported as Failed, with
// Outcome.Kept, and is saved all the same once the store is back.
//
// A process that is killed loses what waited. That heals by itself: the person
// counts as known only after the commit, so the next message saves it.
//
// # What people say of themselves
//
// [Middleware.Set] states a field by hand: store.Declared for what a person
// told the bot, store.Pinned for what the bot's owner decides. Neither is
// touched by later messages. [Middleware.Get] reads a profile, and
// [Middleware.Forget] erases one for good.
//
// Options.Retention sets how long people are kept of whom there is no sign of life.
// Once a day those whose time is over are erased, here and at the backends, and the
// next event of theirs makes a new profile. [Middleware.Expire] does it now.
//
// # Backends
//
// Options.Backends are foreign systems that are kept in step with the store. The
// transaction that saves a change also notes that each of them is owed it: one
// note a person and backend, however many changes come. One deliverer a backend
// takes up what is owed. The first delivery of a person has every field that the
// backend takes, later ones have what changed since the one before, as the person
// is by then. Of one person one request runs at a time, and what changes
// meanwhile is delivered next. The hooks hear of [Delivered].
//
// A backend that is added to a store later is owed everybody who is kept, behind
// what just happens. [Middleware.Resync] owes everybody again, and
// [Middleware.Backlogs] tells how far that is, how fast, and how long it will
// take. [Middleware.Drain] waits until nothing is owed.
//
// What is owed survives a restart, together with the attempts and the time of the
// next one. What becomes of a delivery that fails depends on its error:
//
//	store.ErrInvalid        dead letter, until the person changes or Replay
//	store.ErrDenied         all pause, 15 seconds to 5 minutes; nobody is given up
//	*store.ThrottledError   all pause as long as was asked, 1 second to 5 minutes, or up to a tenth longer
//	store.ErrUnanswered     tried again once the request cannot land late any more
//	others                  tried again after a random pause of up to 5 minutes
//
// After five failures in a row calls pause too, and then one is tried at a time.
// Each retry is told to Options.OnRetry. After Options.Attempts of them a delivery
// is [Failed] with Outcome.Kept, and goes on being tried: nothing is given up by
// count or age. A dead letter is Failed without Kept. The store keeps it, with the
// reason, for store.Outbox.Standings, and [Middleware.Replay] has it tried again.
//
// [Middleware.Forget] erases a person at every backend that may have got something
// of them: [Erased], or Failed with store.ErrCannotErase where the backend has no
// way to. The Standings keep that as a receipt.
//
// Deliveries may run in another process, see [Deliver]. The bot's own then needs no
// Backends, once they are enrolled.
//
// # Seen from outside
//
// [Middleware.Stats], [Middleware.Drops] and [Middleware.Backends] answer at once, for
// a health endpoint. Options.Tracer sees how long the store and the backends take;
// package otelrollcall makes OpenTelemetry's metrics and traces of all that.
//
// # What is logged
//
// The logger hears that the store or a backend is away or back, that a backend
// will not take somebody, and that a hook or a backend panicked.
// Names never get into a log; keys do at debug level only.
package middleware
