package store

// A DamagedError is what List ends with where it comes to somebody of whom something
// is kept that cannot be read. A listing with Key as [Filter.After] goes on behind
// them. Store.Forget, with their Key, removes what is kept. A store that cannot tell
// who it is gives Err alone.
type DamagedError struct {
	Key Key
	Err error // never nil; what the store says of the damage
}

// Error is that of Err.
func (e *DamagedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *DamagedError) Unwrap() error { return e.Err }
