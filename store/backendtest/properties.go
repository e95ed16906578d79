package backendtest

import "slices"

// properties are the contract, in the order of how a backend is best written.
var properties = slices.Concat(ofDelivering, ofFaults, ofErasing)

var ofDelivering = []property{
	{"usable", "a backend that is refused at the start of a bot, or changes its name or mind later, is of no use", usable},
	{"bad-address", "whoever mistypes an address, perhaps with a password in it, needs an error that says so and does not repeat it", badAddress},
	{"creates", "the first delivery of a person makes them, with every field that the backend takes", creates},
	{"nameless", "of some people nothing is known but their id, until they write again", nameless},
	{"same-twice", "a process that dies before it notes the success delivers again; that must change nothing", sameTwice},
	{"partial", "somebody may have corrected a field by hand in the foreign system; a change of another one must not undo it", partial},
	{"clears", "a name that the person removed must not stay in the foreign system", clears},
	{"sets-again", "what was cleared may come back", setsAgain},
	{"stays-true", "people change again and again, and after each delivery the service must hold them as they are", staysTrue},
	{"keys-apart", "two ids that look alike are two people; to mix them up shows one of them the other's data", keysApart},
	{"serves", "whom a backend is for decides who is told and erased there; it must not change from one message to the next", serves},
	{"texts-exact", "people have all kinds of names: each arrives as it is, or the person is refused, but nobody gets half a name", textsExact},
	{"occupied", "a username may belong to somebody else there, whose account must not be taken over", occupied},
	{"undefined-custom", "a custom field that nobody defined there must not keep the rest of the person out for ever", undefinedCustom},
	{"refused-fields", "what arrived is not sent again, since somebody may correct it there; what did not must not be forgotten", refusedFields},
	{"batch", "one call for many people tells of each of them what became of it", batch},
	{"concurrent", "different people are delivered at the same time", concurrent},
	{"cancelled", "what was given up before it began must not happen", cancelled},
	{"lost-answer", "a delivery that was carried out and not confirmed is sent again; there must still be one person, and the right one", lostAnswer},
}

// ofFaults are about how calls are made, whatever they say.
var ofFaults = []property{
	{"throttled", "a service that asks for a pause shuts out those who do not listen", throttled},
	{"denied", "when a token has expired no person is at fault, and none may be given up for it", denied},
	{"refused", "a service that is sick for an hour must not cost anybody their delivery", refused},
	{"unanswered", "a request whose answer never came may still be carried out, so it must be told from one that was refused", unanswered},
	{"false-success", "a proxy or a sign-in page answers 200 for a service that was never asked; a backend that believes it loses the person", falseSuccess},
	{"too-much", "an answer without end must neither fill the memory nor hold the delivery up", tooMuch},
	{"redirects", "whoever follows a redirect shows tokens and names to a host that nobody chose", redirects},
	{"secrets-stay-in", "a service may say our own token back to us; errors are logged and kept with dead letters", secretsStayIn},
}

var ofErasing = []property{
	{"erases", "forgetting is real, and nothing of before comes back with the person", erases},
	{"erases-unnoted", "a delivery whose success nobody noted has left something there as well", erasesUnnoted},
	{"erases-truly", "an erasure that failed must not be reported as done", erasesTruly},
	{"vanished", "somebody may have removed the person there by hand; nobody else may be updated instead", vanished},
}
