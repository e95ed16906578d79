// Package store says what rollcall keeps of a person, how two versions of it
// become one, and what a store is. Bots use its types, and authors of stores and
// adapters its rules. It does no I/O.
//
// # The map
//
//   - [Key] names one person on one channel. Its text form, "telegram:42", is
//     called the channelUserId.
//   - [Profile] is the person as a reader sees them: one flat struct whose fields
//     are named as OpenID Connect names them.
//   - [Patch] is what one [Source] states of a person at one time: some fields
//     are set, some are cleared, and of all others it says nothing.
//   - [Record] is all that is kept of one person: for each field and source the
//     last statement. [Merge] joins two of them, [Record.Profile] resolves one.
//   - [Change] is what a Record did to another one, for hooks and logs.
//   - [Store] keeps records. Package memstore is one in memory, and package
//     sqlitestore one in a file. Package storetest checks yours.
//   - [Backend] is a foreign system that is kept in step with a store, by one
//     [Delivery] at a time. Package backendtest checks yours, and [Restrict] keeps
//     from any of them what it need not know.
//   - [Outbox] is a Store that remembers what each backend is still owed: a
//     [Standing] for each person and backend.
//   - [Expirer] is a Store that erases people of whom there was no sign of life.
//   - [Portable] is a Store that gives away all it holds, a [Dossier] a person, and
//     takes it over: [Copy] moves a bot from one store to another.
//
// Values are looked at before they get here: [Repair] makes fit what a platform
// says, and [Patch.Validate] refuses what a person or an owner may not state.
// [CustomField] defines fields of the bot's own.
//
// # How two versions become one
//
// Events come late, twice, and out of order, and two processes may save the same
// person. So a Record is a set of registers, one for each field and source, and
// of two statements for one register the later one stays, by the clock of who
// said it. [Merge] is commutative, associative and idempotent: whoever has seen
// the same statements has the same Record, whatever the order. The start payload
// alone is of the first touch: there the earlier statement stays.
//
// A reader sees, field by field, what is [Pinned] over what is [Declared] over
// what was [Observed]. Taking a pin back shows what lies under it, which was
// kept up to date all the while.
//
// A change in flight is a Record too, called a delta, made by [Patch.Record]. A
// store never interprets one.
//
// # Writing a store
//
// A store is five methods. Apply is the one that matters, and nearly all of it is
// the transaction:
//
//	for i, delta := range deltas {
//		// refuse a bad delta.Key before the transaction, for the whole call
//		// where there is a tombstone of delta.Key: Change{Suppressed: true}
//		kept := ... // read the record of delta.Key, or a zero Record
//		kept, changes[i] = kept.Apply(delta)
//		if !changes[i].Same {
//			... // write kept
//		}
//	}
//
// [Record.Apply] is the only merge there is. A store that wants the rows of a
// table to be readable writes [Record.Profile] into columns beside the record,
// and a database that has no transactions compares and swaps: read, Apply, write
// if nobody else wrote in between, else begin again.
//
// As one value a Record is [Record.AppendBinary], compact and with a version, or
// JSON. Both are exact.
//
// Checklist:
//
//   - The key is two columns, or a separator that neither part can hold, or a
//     length before each. The user id may hold ':', '%', '*' and spaces, and it
//     is compared bytewise: a collation that ignores case or accents makes one
//     person of two.
//   - Apply returns when its work is durable, and all of it or none.
//   - Between the read and the write of one person nobody else writes that
//     person, in this process or another.
//   - List is in the order of [Key.Compare], holds no more than a page in memory,
//     and stops when its consumer does. It begins with [Filter.Validate], and leaves
//     conditions that the database cannot check exactly to [Filter.Match].
//   - Forget leaves nothing in files, logs of changes and caches, and says so where
//     what it stands on does not give that. The tombstone is the Key alone.
//   - Errors wrap one of the sentinels ([ErrUnavailable] for whatever may pass),
//     and say the operation and the Key, never a value. The driver's error stays
//     reachable by errors.As, unless its text holds a password or a value.
//   - The constructor checks that it can write, and refuses data of a newer
//     schema with an error that says to update.
//   - No goroutine outlives Close, and no call fails otherwise than with
//     [ErrClosed] after it.
//
// Then one call checks it, and names the property and its reason when it fails:
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			st, err := mystore.Open(t.TempDir())
//			if err != nil {
//				t.Fatal(err)
//			}
//			t.Cleanup(func() { st.Close() })
//			return st
//		})
//	}
//
// Common mistakes:
//
//   - To write what the last caller said over what is kept. The last to arrive
//     is not the last who spoke.
//   - To take the key of a map or a subject from [Key.String] and split it at the
//     last ':'. The first one ends the channel; [ParseKey] knows.
//   - To read outside of the transaction and write inside: two processes then
//     lose one of two changes, and only under load.
//   - To keep the slices that Apply was given, or return those that are kept.
//   - To report Created from the absence of a row. Somebody may have been stated
//     by hand and never seen; [Record.Apply] knows the difference.
//   - To cut times to microseconds or seconds, as many databases do. Ties are
//     then broken by value, and the earlier of two statements may win. Keep
//     nanoseconds as a 64-bit integer.
//   - To retry inside. The middleware does, and knows when to stop.
//   - To treat a cancelled context as a store that is down, or the reverse.
//
// # Writing an outbox
//
// A store that is an [Outbox] too keeps, besides the people, one [Standing] for
// each person and enrolled backend. As with records it decides nothing: a Standing
// has a method for whatever may happen to it, and the store reads one, calls the
// method and writes what comes back, in one transaction.
//
//	Apply            for each Change that Owes: Changed, at every enrolled backend
//	Forget           Forgotten, at every backend; where keep is false delete the row
//	Enroll, Resync   Bulked, for everybody who is kept, a few hundred a transaction
//	Claim            Claimed, for those that are DueAt the present time
//	Settle           Settled, for each Settlement
//	Replay           Replayed, for those in StateDead, and those that wait
//
// Where there is no row yet, the Standing to begin from has Backend and Key and is
// zero otherwise.
//
// Checklist:
//
//   - Changed and Forgotten happen in the transaction of Apply and Forget. What is
//     committed without being owed never arrives, and nobody notices.
//   - Claim chooses and writes in one transaction, so that two processes never get
//     the same person. Record is read there as well.
//   - Claim finds its rows by an index over backend, Bulk and Due of what is
//     StateOwed. Time is the database's, not the process's, where several machines
//     share it.
//   - Enroll and Resync remember how far they came, as a Key, so that a restart goes
//     on there; each step begins a transaction of its own, between which others
//     write.
//   - Due is kept in every state: it says since when a settled one is what it is.
//   - A row that is damaged stops nobody else: Claim makes a dead letter of it, and
//     goes on.
//   - A standing outlives its person, while Erase is set and after it as
//     StateErased or StateUnerasable: it is all that is left, and holds no value.
//   - Settle takes standings that are gone, and claims that are somebody else's by
//     now, for no error.
//
// storetest.Run holds a store to all this as soon as it is an Outbox.
//
// Common mistakes:
//
//   - One row a change. What a backend is owed would grow for as long as it is
//     away; a standing counts people.
//   - To decide by State in the store what a method of Standing decides already.
//   - To keep the claim of a process that died until somebody clears it up. The
//     lease is the clean-up: Due passes, and the row can be claimed again.
//
// # Writing a portable store
//
// A store that is [Portable] too can be moved to, from and between other stores by
// [Copy], and tells whoever asks all that is kept of them. Dossiers is List with
// tombstones and standings, and yields those of whom nothing else is held as well;
// what one [Dossier] says is read at one moment, or somebody who is forgotten
// meanwhile would be given away with half of what they had. Import is Apply with
// another method in the middle:
//
//	for _, from := range dossiers {
//		// refuse what does not Validate before the transaction, for the whole call
//		here := ... // read the dossier of from.Key
//		joined := here.Join(from, backends, now)
//		... // write joined, and delete what it has no longer
//	}
//
// Where joined is Forgotten and here was not, Import forgets, and leaves as little
// in files as Forget does. now is of the same clock as Due.
//
// # Writing an expirer
//
// A store that is an [Expirer] too can keep people for a time only. Expire is Forget
// without a tombstone for those of whom [Record.SilentSince] says so:
//
//	for i, key := range keys {
//		kept := ... // read the record of key, in the transaction that erases it
//		if expired[i] = kept.Key == key && kept.SilentSince(before); expired[i] {
//			... // what Forget does
//		}
//	}
//
// The mistake to make is to look and then to erase: who comes back in between is lost,
// with an event that somebody was told is saved.
//
// # Writing a backend
//
// A backend is three methods: Name, Traits and Deliver. examples/custombackend is
// one in under 50 lines, with its test. Most of it is two questions.
//
// What does the service take? [Traits] answers it, once: which fields it has a
// place for, whom it is for, whether it forgets what a request does not mention,
// whether a value can be taken away again, and how many calls it bears. The
// middleware makes up for what is lacking: to a backend that Replaces it names every
// field each time, and to one that CannotClear never an empty one. Which fields may
// leave the house is not the backend's to say, but the bot's, by [Restrict].
//
// What did it answer? Deliver returns nil when the service has said, in its own
// words, that it took the person, and otherwise an error that wraps what became of
// it; see [Backend]. Package rest makes HTTP calls whose errors are right as they
// are, and is safe in the ways that are easy to forget.
//
//	func (b *Backend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
//		changes := make(map[string]any)
//		for _, f := range d.Fields {
//			if v := d.Profile.Value(f); v != "" {
//				changes[names[f]] = v
//			} else {
//				changes[names[f]] = nil // or however the service clears
//			}
//		}
//		... // one request that makes or updates the person of d.Profile.Key
//	}
//
// Where the service takes all but a part of it, say a username that somebody else
// holds, Deliver sends the rest and returns both: an error that wraps ErrInvalid, and
// a [Receipt] whose Refused names the fields that did not arrive. They alone are then
// in the dead letter. Without Refused all of the person is owed, and sent again with
// the next change, over what somebody corrected there meanwhile.
//
//	receipt := store.Receipt{Remote: id, Refused: refused}
//	if len(refused) > 0 {
//		return receipt, fmt.Errorf("crm: deliver %s: all but %v arrived: %w", d.Profile.Key, refused, store.ErrInvalid)
//	}
//	return receipt, nil
//
// There is no queue to write, no retry, no rate limit and no circuit breaker: that
// is the middleware's, and the store remembers how far it came.
//
// Checklist:
//
//   - The service finds the person by the channelUserId ([Key.String]), or by
//     something of one to one with it. Names, usernames and emails are not ids.
//   - Twice the same delivery is the same as once, also when the first receipt was
//     lost: look for the person before you make one, or let the service upsert.
//   - Only Delivery.Fields are sent. All others may have been corrected by hand. Of
//     somebody of whom only the id is known there may be none.
//   - What the service may be sent stands in a table or a struct of the backend. A
//     field of the profile that nobody thought of never reaches it, a role or a
//     password least of all.
//   - Success is what the service says it is: the right status and an answer of the
//     right form. A captive portal answers 200 too.
//   - An account that holds the same username or email is somebody else's until
//     its id says otherwise: that is ErrInvalid, not an invitation to update it.
//   - Receipt.Refused names what did not arrive, no more and no less. It goes with
//     ErrInvalid alone. Receipt.Remote goes with any error, once the id is known.
//   - A backend for one channel says so by Traits.Serves, and is then called for
//     nobody else.
//   - Deliver ends with ctx. Traits.Timeout is as long as the service may need.
//   - No error holds a name, a token, a path or what the service answered.
//   - A service that can erase makes the backend an [Eraser], which finds the
//     person without a receipt as well, and for which to find nobody is success.
//
// Then one call checks it, against a double of the service that you write or that
// comes with it, and names the property and its reason when it fails:
//
//	func TestContract(t *testing.T) {
//		backendtest.Run(t, func(t *testing.T) backendtest.Fixture {
//			double := crmtest.New("the token")
//			return backendtest.Fixture{
//				Backend: func(baseURL string) (store.Backend, error) {
//					return crm.New("the token", &crm.Options{BaseURL: baseURL})
//				},
//				Double:  double,
//				Holds:   func(key store.Key) (map[store.Field]string, bool) { ... },
//				Secrets: []string{"the token"},
//			}
//		})
//	}
//
// Common mistakes:
//
//   - To send the whole profile each time, because it is at hand.
//   - To refuse a whole person for one field, or to leave the field out and say
//     nothing: nobody then learns why it is not there.
//   - To leave empty values out of the request (omitempty), so that nothing is
//     ever cleared.
//   - To call everything from 400 on ErrInvalid. 401 and 403 are about the token, 408
//     and 429 about the moment; 404 is about the address as often as about the person.
//     Whoever is ErrInvalid is given up until they change.
//   - To call a request without an answer failed. It may still be carried out:
//     ErrUnanswered has the next one wait until it cannot be.
//   - To sleep for Retry-After in Deliver. Return a *[ThrottledError]: the pause is
//     for all.
//   - To retry inside, and hold up everybody behind this one.
//   - To wrap the error of net/http, whose text is the URL with all that is in it.
//   - To follow redirects. Go takes Authorization out on the way to another host,
//     and leaves X-Auth-Token and its like in.
//   - To trust Delivery.Remote. The account may be gone, and its id somebody else's.
package store
