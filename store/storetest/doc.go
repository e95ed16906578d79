// Package storetest holds a store to the contract of [store.Store]. Authors of
// stores call [Run] from a test of their own:
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
// Each property of the contract is a subtest, so that -run picks one:
//
//	go test -run 'TestContract/list-cursor'
//
// A failure says what was wrong and why it matters. All properties hold by
// default; one that a store cannot have is left out with [Skip], whose reason
// the test prints. A store that keeps its data in a file or on a server also
// passes [Reopen], which checks that it does. Run with -race: some properties use
// a store from several goroutines. A store that several processes may use at once
// passes [Processes], which has other processes do what those goroutines did.
//
// A store that also implements [store.Outbox], or that and [store.Portable], or
// [store.Expirer], is held to those contracts as well; for one that does not, their
// properties are skipped and say so. Some of them open two stores, of which the last
// one is reopened.
//
// The texts and keys that are tried are those that have broken other stores.
// What is not checked here, since a suite cannot bring it about in somebody
// else's store: a full disk, a lost connection, a kill. In each of these Apply
// must return an error that wraps store.ErrUnavailable and must have changed
// nothing, or everything.
package storetest
