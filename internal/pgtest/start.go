package pgtest

// ErrMissing is what Start returns where this machine has no Postgres.
var ErrMissing = errMissing

// Start is [Private] for a program that is no test. End ends the server, and so does
// the end of the program.
func Start() (*Server, error) { return start("on") }

// End ends the server and removes what it kept.
func (s *Server) End() error { return s.end() }
