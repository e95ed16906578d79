package storetest

// properties are the contract, in the order of how a store is best written.
var properties = []property{
	{"created-once", "the bot greets a person when they are first seen, and only then", createdOnce},
	{"created-once-in-a-race", "events of one new person arrive on several goroutines; two greetings are one too many", createdOnceInARace},
	{"absent-keeps", "an event that says nothing of a field must not blank it", absentKeeps},
	{"set-replaces", "people rename themselves", setReplaces},
	{"clear-clears", "a name that the person removed must not come back", clearClears},
	{"sources-are-ranked", "what the owner pinned, and what the person declared, survives what the platform says, and shows it again when it is taken back", sourcesAreRanked},
	{"order-does-not-matter", "events come out of order, twice, and by several processes; the profile must come out the same", orderDoesNotMatter},
	{"changes-are-true", "hooks tell people what changed; the report must be that of Record.Apply", changesAreTrue},
	{"repeated-keys", "a batch may hold several deltas of one person, which apply one after the other", repeatedKeys},
	{"all-or-nothing", "a batch that fails is sent again; half of it must not have happened", allOrNothing},
	{"empty-batch", "to save nothing is no error", emptyBatch},
	{"full-batch", "the middleware sends up to 500 people at once", fullBatch},
	{"cancelled-changes-nothing", "a caller that gave up must be able to believe that nothing happened", cancelledChangesNothing},

	{"channels-apart", "42 on Telegram and 42 on Discord are two people", channelsApart},
	{"keys-apart", "two ids that look alike are two people; to mix them up shows one of them the other's data", keysApart},
	{"times-are-exact", "the order of two statements can hang on a nanosecond", timesAreExact},
	{"texts-are-exact", "people have all kinds of names, and some try what a name can break", textsAreExact},
	{"no-sharing", "a caller may change what it gave or got, and the store must not notice", noSharing},

	{"not-found", "callers tell a stranger from a store that is away by the error", notFound},
	{"malformed-keys", "what can never be accepted must say so, or it is tried again for ever", malformedKeys},
	{"forget-erases", "forgetting is real: nothing of before comes back with the person", forgetErases},
	{"forget-suppresses", "a late retry or the next message must not bring a forgotten person back", forgetSuppresses},
	{"readmit", "the person may change their mind", readmit},

	{"list-order", "a listing that can be continued needs one order, that of Key.Compare", listOrder},
	{"list-profiles", "a listing shows people as Get does", listProfiles},
	{"list-filters", "each condition of a filter counts, alone and with others", listFilters},
	{"list-search", "search finds text in whatever case, and takes no character for a wildcard", listSearch},
	{"list-cursor", "pages together are the whole, with nobody twice and nobody left out", listCursor},
	{"list-break", "a caller may stop, and the store is as free as before", listBreak},
	{"list-cancelled", "a listing that was cut short must not look complete", listCancelled},
	{"list-beside-writes", "a listing may take long; writers must not wait for it, and it must not lose those who were there all along", listBesideWrites},

	{"closed", "a call after Close must say so, neither block nor panic", closed},
	{"durable", "what was acknowledged outlives the process, tombstones too", durable},
}
