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
// without an allocation unless Options.OnOutcome is set. Else the change goes into memory, one entry a person however
// many changes, and Observe returns.
//
// One goroutine saves what waits, at most 500 people in a transaction, in the
// order in which they came. When a commit is durable, and not before, the
// person counts as known and the hooks are told.
//
// # Outcomes
//
// Every observation ends in exactly one [Outcome]: [Created], [Updated],
// [Unchanged], [Coalesced], [Dropped] or [Failed]. Options.OnSuccess hears of
// Created and Updated, OnFailure of Failed, OnOutcome of all, and
// [Middleware.Stats] counts them. Hooks run one at a time on a goroutine of
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
// # What is logged
//
// The logger hears that the store is away or back and that a hook panicked.
// Names never get into a log; keys do at debug level only.
package middleware
