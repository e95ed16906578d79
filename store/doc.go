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
//     and stops when its consumer does. Conditions that the database cannot
//     check exactly are left to [Filter.Match].
//   - Forget leaves nothing in files, logs of changes and caches. The tombstone
//     is the Key alone.
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
package store
