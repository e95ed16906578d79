package sqlitestore

import "time"

// SetStep makes the steps of Enroll and its like smaller, so that a test needs
// fewer people for several.
func (s *Store) SetStep(people int) { s.step = people }

// SetPatience has the Store wait for others' locks for longer: a machine may stand
// still while somebody holds one.
func (s *Store) SetPatience(d time.Duration) { s.patience = d }
