package natsstore

import (
	"math/rand/v2"
	"strings"
)

// Enroll goes through everybody whom it finds. Somebody whom another process saves
// for the first time meanwhile, and who is not found, has to be owed by that process,
// which therefore has to know of the backend. So each enrolment writes a message of
// its own, in the batch of the registry, and the server refuses a batch with somebody
// new if that is not the message which its process has read.

// enrolTokens is how many tokens its subject has behind the first.
const enrolTokens = 8

// lastEnrolment is the subject of that message.
func (s *Store) lastEnrolment() string {
	return s.prefix + enrolToken + strings.Repeat(".0", enrolTokens)
}

// guard returns a message that has no place in a stream where a backend was enrolled
// after r was read.
//
// In a cluster the server refuses a check of what is being checked for a batch that
// is under way, and knows that by the text of the subject. So each time another
// wildcard is asked for, all of which match that one message.
func (s *Store) guard(r registry) message {
	subject := []byte(s.prefix + enrolToken)
	for range enrolTokens {
		subject = append(subject, [...]string{".0", ".*"}[rand.N(2)]...)
	}
	return message{subject: s.prefix + guardToken, checks: string(subject), rev: r.enrolled}
}
