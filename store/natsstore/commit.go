package natsstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
)

// batchSize is how many messages the server takes in one atomic batch.
const batchSize = 1000

// maxPeople is how many people one transaction writes; the rest may be a guard.
const maxPeople = batchSize - 1

// A message is one write of a transaction.
type message struct {
	subject string
	data    []byte
	checked bool   // nothing may have been written to the subject since:
	rev     uint64 // 0 where there was nothing
	checks  string // the same for these subjects, in the place of its own
}

const (
	headerBatch    = "Nats-Batch-Id"
	headerPosition = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
	headerExpect   = "Nats-Expected-Last-Subject-Sequence"
	headerExpectOf = "Nats-Expected-Last-Subject-Sequence-Subject"
)

// commit writes messages, all or none, and returns the sequence of the last. The
// error is errConflict where a check failed, and errUnanswered where it may have
// happened or may still happen.
//
// Those in front which are not checked may be written without the others, where
// there are too many for one batch.
func (s *Store) commit(ctx context.Context, id string, messages []message) (uint64, error) {
	for len(messages) > batchSize {
		n := min(batchSize, len(messages)-batchSize)
		for _, m := range messages[:n] {
			if m.checked {
				return 0, fmt.Errorf("more than %d people cannot change in one transaction: %w", maxPeople, store.ErrInvalid)
			}
		}
		if _, err := s.commitBatch(ctx, rand.Text(), messages[:n]); err != nil {
			return 0, err
		}
		messages = messages[n:]
	}
	return s.commitBatch(ctx, id, messages)
}

func (s *Store) commitBatch(ctx context.Context, id string, messages []message) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	// What waits in the client for a connection would be written long after the
	// caller was told that it was not.
	if !s.nc.IsConnected() {
		return 0, nats.ErrDisconnected
	}
	end := len(messages) - 1
	for i, m := range messages {
		msg := nats.NewMsg(s.puts + m.subject)
		msg.Data = m.data
		if m.checked {
			msg.Header.Set(headerTx, id)
			msg.Header.Set(headerExpect, strconv.FormatUint(m.rev, 10))
		}
		if m.checks != "" {
			msg.Header.Set(headerExpect, strconv.FormatUint(m.rev, 10))
			msg.Header.Set(headerExpectOf, m.checks)
		}
		if end > 0 {
			msg.Header.Set(headerBatch, id)
			msg.Header.Set(headerPosition, strconv.Itoa(i+1))
		}
		if i < end {
			if err := s.nc.PublishMsg(msg); err != nil {
				return 0, err
			}
			continue
		}
		if end > 0 {
			msg.Header.Set(headerCommit, "1")
		}
		return s.commitLast(ctx, msg)
	}
	return 0, nil
}

// commitLast sends the message that makes all of a batch happen. A caller who
// gives up from now on waits for the answer all the same, since it may have
// happened.
func (s *Store) commitLast(ctx context.Context, msg *nats.Msg) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var reply *nats.Msg
	err := s.watch(&s.writes, func(wait time.Duration) (err error) {
		within, cancel := outlasting(ctx, wait)
		defer cancel()
		reply, err = s.nc.RequestMsgWithContext(within, msg)
		return err
	})
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrMaxPayload):
		return 0, err
	case err != nil:
		return 0, errUnanswered
	}
	var ack struct {
		Sequence uint64 `json:"seq"`
	}
	err = decodeAnswer(reply.Data, &ack)
	if refusal, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch refusal.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return 0, errConflict
		}
	}
	if err == nil {
		s.raiseFloor(ack.Sequence)
	}
	return ack.Sequence, err
}
