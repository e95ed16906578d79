// Package memstore keeps profiles in memory. They are gone when the process
// ends: it is for tests, for trying things out, and for a bot that wants the
// hooks and no file.
//
//	st := memstore.New()
//	defer st.Close()
//	mw, err := middleware.New(st, nil)
//
// It is also the reference for authors of other stores: the whole contract of
// [store.Outbox], [store.Portable] and [store.Expirer] with nothing in the way. The
// package storetest holds every store, this one too, to that contract.
//
// A Store grows with the people it keeps, about one kilobyte each, and has no
// upper bound. Use sqlitestore for what has to outlive the process.
package memstore
