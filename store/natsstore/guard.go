package natsstore

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
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
		subject = append(subject, [...]string{".0", ".*"}[mathrand.N(2)]...)
	}
	return message{subject: s.prefix + guardToken, checks: string(subject), rev: r.enrolled}
}

// settleDown returns when all batches are written that a cluster was about to write
// when it took the last enrolment: it had let them pass the check by then.
func (s *Store) settleDown(ctx context.Context) error {
	return retry(ctx, func() error {
		_, err := s.commit(ctx, rand.Text(), []message{{subject: s.prefix + guardToken}})
		return err
	})
}
