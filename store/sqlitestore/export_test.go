package sqlitestore

// SetStep makes the steps of Enroll and its like smaller, so that a test needs
// fewer people for several.
func (s *Store) SetStep(people int) { s.step = people }
