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
	answerTime = 2 * time.Second // how long one request is waited for
	listTime   = time.Minute     // and one which makes the server go through many subjects
	readSize   = 500             // people in one read; the server answers with up to 1024

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
func (s *Store) request(ctx context.Context, operation string, within time.Duration, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	msg, err := s.nc.RequestWithContext(limited, s.api+operation+"."+s.name, data)
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

// late tells a server that does not answer from a caller who gave up.
func late(ctx context.Context, err error) error {
	if ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)) {
		return errUnanswered
	}
	return err
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
	err = s.request(ctx, "STREAM.MSG.GET", answerTime, body, &got)
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
	within, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	got := make(map[string]stored, len(subjects))
	for {
		msg, err := sub.NextMsgWithContext(within)
		if err != nil {
			return nil, late(ctx, err)
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
			s.raiseFloor(upTo)
			if msg.Header.Get(headerPending) != "0" {
				return nil, fmt.Errorf("%d people are too much for one answer", len(subjects))
			}
			return got, nil
		case strconv.Itoa(http.StatusServiceUnavailable):
			return nil, nats.ErrNoResponders
		}
		return nil, fmt.Errorf("the server refuses to read: status %s: %w", status, errBehind)
	}
}

func (s *Store) raiseFloor(seq uint64) {
	for floor := s.floor.Load(); seq > floor && !s.floor.CompareAndSwap(floor, seq); floor = s.floor.Load() {
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
	err = s.request(ctx, "STREAM.INFO", listTime, body, &got)
	s.raiseFloor(got.State.LastSeq) // so that reading those who are listed does not read what they were before
	return got, err
}

// A purge removes a subject up to a sequence; 0: all of it.
type purge struct {
	Filter string `json:"filter"`
	Before uint64 `json:"seq,omitempty"`
}

// purge removes subjects, many at once.
func (s *Store) purge(ctx context.Context, purges []purge) error {
	const size = 200 // so that the server answers in time
	for some := range slices.Chunk(purges, size) {
		if err := s.purgeSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
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
	within, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for range purges {
		msg, err := sub.NextMsgWithContext(within)
		if err != nil {
			return late(ctx, err)
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
