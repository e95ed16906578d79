package sqlitestore

import (
	"fmt"

	"github.com/rollcall-go/rollcall/store"
)

// decode reads the record column of key's row. Its errors wrap ErrCorrupt, and no
// category of package store: the caller's arguments are not at fault.
func decode(blob []byte, key store.Key) (store.Record, error) {
	var r store.Record
	if err := r.UnmarshalBinary(blob); err != nil {
		return store.Record{}, fmt.Errorf("%w: the record of %s: %v", ErrCorrupt, key, err) //nolint:errorlint // it wraps ErrInvalid
	}
	if r.Key != key {
		return store.Record{}, fmt.Errorf("%w: the row of %s holds the record of another key", ErrCorrupt, key)
	}
	return r, nil
}
