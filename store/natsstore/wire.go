package natsstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The requests below are those of the JetStream API that the package jetstream
// does not offer: reading many subjects at once (ADR-31), listing subjects page
// by page, and atomic batches (ADR-50). See
// https://github.com/nats-io/nats-architecture-and-design/tree/main/adr

const (
	readSize = 500 // people in one read; the server answers with up to 1024

	headerTx       = "Rollcall-Tx" // the transaction that wrote an entry
	headerSubject  = "Nats-Subject"
	headerSequence = "Nats-Sequence"
	headerPending  = "Nats-Num-Pending"
	headerUpTo     = "Nats-UpTo-Sequence"
	headerStatus   = "Status"
)

// A stored is the last message of a subject.
type stored struct {
	data []byte
	seq  uint64
	tx   string
}

// An answer is what all answers to requests have in common.
type answer struct {
	Error *jetstream.APIError `json:"error"`
}

// request asks JetStream for what an answer decodes into.
func (s *Store) request(ctx context.Context, operation string, l *limit, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var msg *nats.Msg
	err = s.watch(l, func(wait time.Duration) (err error) {
		within, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		msg, err = s.nc.RequestWithContext(within, s.api+operation+"."+s.name, data)
		return err
	})
	if err != nil {
		return late(ctx, err)
	}
	return decodeAnswer(msg.Data, into)
}

func decodeAnswer(data []byte, into any) error {
	var a answer
	err := json.Unmarshal(data, &a)
	if err == nil && a.Error != nil {
		return a.Error
	}
	if err == nil && into != nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%w: an answer of the server cannot be read", ErrCorrupt)
	}
	return nil
}

// last reads one subject from the leader, which has all that was acknowledged.
func (s *Store) last(ctx context.Context, subject string) (m stored, found bool, err error) {
	var got struct {
		Message struct {
			Data []byte `json:"data"`
			Seq  uint64 `json:"seq"`
		} `json:"message"`
	}
	body := map[string]string{"last_by_subj": subject}
	err = s.request(ctx, "STREAM.MSG.GET", &s.reads, body, &got)
	if refusal, ok := errors.AsType[*jetstream.APIError](err); ok && refusal.ErrorCode == jetstream.JSErrCodeMessageNotFound {
		return stored{}, false, nil
	}
	s.raiseFloor(got.Message.Seq)
	return stored{data: got.Message.Data, seq: got.Message.Seq}, err == nil, err
}

// lasts reads subjects as they are at one moment. One of them must exist. It may
// be a follower that answers, one that has seen at least all that this Store
// wrote and read.
func (s *Store) lasts(ctx context.Context, subjects []string) (map[string]stored, error) {
	body, err := json.Marshal(map[string][]string{"multi_last": subjects})
	if err != nil {
		return nil, err
	}
	inbox := s.nc.NewInbox()
	sub, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }() // at worst the connection is gone, and the subscription with it
	if err := s.nc.PublishRequest(s.api+"DIRECT.GET."+s.name, inbox, body); err != nil {
		return nil, err
	}
	var got map[string]stored
	err = s.watch(&s.reads, func(wait time.Duration) (err error) {
		within, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		got, err = s.gather(within, sub)
		return err
	})
	if errors.Is(err, errBehind) {
		s.behindFloor(ctx)
	}
	return got, late(ctx, err)
}

// gather returns what lasts has asked for.
func (s *Store) gather(ctx context.Context, sub *nats.Subscription) (map[string]stored, error) {
	got := make(map[string]stored)
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		status := msg.Header.Get(headerStatus)
		switch status {
		case "":
			seq, err := strconv.ParseUint(msg.Header.Get(headerSequence), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: a message has no sequence", ErrCorrupt)
			}
			got[msg.Header.Get(headerSubject)] = stored{data: msg.Data, seq: seq, tx: msg.Header.Get(headerTx)}
			continue
		case strconv.Itoa(http.StatusNoContent):
			upTo, err := strconv.ParseUint(msg.Header.Get(headerUpTo), 10, 64)
			if err != nil || upTo < s.floor.Load() {
				return nil, errBehind
			}
			s.caughtUp(upTo)
			if msg.Header.Get(headerPending) != "0" {
				return nil, errors.New("these people are too much for one answer")
			}
			return got, nil
		case strconv.Itoa(http.StatusServiceUnavailable):
			return nil, nats.ErrNoResponders
		}
		return nil, fmt.Errorf("the server refuses to read: status %s: %w", status, errBehind)
	}
}

// page lists up to 100,000 subjects in order, from the one at offset on, and
// tells how many there are. The leader answers.
func (s *Store) page(ctx context.Context, filter string, offset int) (subjects map[string]uint64, total int, err error) {
	p, err := s.list(ctx, filter, offset)
	return p.State.Subjects, p.Total, err
}

// A listed is the server's answer to list.
type listed struct {
	Total int `json:"total"`
	State struct {
		Subjects map[string]uint64 `json:"subjects"`
		LastSeq  uint64            `json:"last_seq"`
	} `json:"state"`
}

func (s *Store) list(ctx context.Context, filter string, offset int) (got listed, err error) {
	body := struct {
		Offset int    `json:"offset"`
		Filter string `json:"subjects_filter"`
	}{offset, filter}
	connected, done := s.whileConnected(ctx)
	defer done()
	if err = s.request(connected, "STREAM.INFO", &s.lists, body, &got); err != nil && connected.Err() != nil && ctx.Err() == nil {
		return got, errUnanswered
	}
	s.raiseFloor(got.State.LastSeq) // so that reading those who are listed does not read what they were before
	return got, err
}

// A purge removes a subject up to a sequence; 0: all of it.
type purge struct {
	Filter string `json:"filter"`
	Before uint64 `json:"seq,omitempty"`
}

// purge removes subjects, many at once. It asks for all of them, also of a server that
// is slow to answer for the first.
func (s *Store) purge(ctx context.Context, purges []purge) (err error) {
	const size = 200 // so that the server answers in time
	for some := range slices.Chunk(purges, size) {
		if e := s.purgeSome(ctx, some); e != nil {
			err = e
		}
	}
	return err
}

func (s *Store) purgeSome(ctx context.Context, purges []purge) error {
	inbox := s.nc.NewInbox()
	sub, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // as in lasts
	for _, p := range purges {
		body, err := json.Marshal(p)
		if err == nil {
			err = s.nc.PublishRequest(s.api+"STREAM.PURGE."+s.name, inbox, body)
		}
		if err != nil {
			return err
		}
	}
	err = s.watch(&s.writes, func(wait time.Duration) error {
		within, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		return purged(within, sub, len(purges))
	})
	return late(ctx, err)
}

// purged returns when the server has answered to n purges.
func purged(ctx context.Context, sub *nats.Subscription, n int) error {
	for range n {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return err
		}
		if msg.Header.Get(headerStatus) != "" {
			return nats.ErrNoResponders
		}
		if err := decodeAnswer(msg.Data, nil); err != nil {
			return err
		}
	}
	return nil
}
