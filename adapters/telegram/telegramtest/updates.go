package telegramtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

type pending struct {
	id   int
	body json.RawMessage
}

var errClosed = errors.New("telegramtest: server is closed")

// Push hands updates to the bot: an [Update], or a raw one as json.RawMessage.
// What has no update_id gets the next one, and an Update without a date or a
// message id gets those too. Ids must rise, as Telegram's do. An error says
// which update is wrong; those before it were pushed.
func (s *Server) Push(updates ...json.Marshaler) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	defer s.announce()
	for i, u := range updates {
		if err := s.push(u); err != nil {
			return fmt.Errorf("telegramtest: update %d of %d: %w", i+1, len(updates), err)
		}
	}
	return nil
}

func (s *Server) push(m json.Marshaler) error {
	if u, ok := m.(Update); ok {
		s.messages++
		m = u.complete(s.messages, time.Now())
	}
	body, err := m.MarshalJSON()
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return err
	}
	if fields == nil {
		return errors.New("is no JSON object")
	}
	id := s.nextID
	if raw, ok := fields["update_id"]; ok {
		if id, err = strconv.Atoi(string(raw)); err != nil {
			return errors.New("update_id is no integer")
		}
		if id < s.nextID {
			return fmt.Errorf("update_id %d comes after %d, and ids must rise", id, s.nextID-1)
		}
	} else {
		rest := bytes.TrimSpace(body)[1:]
		body = fmt.Appendf(nil, `{"update_id":%d`, id)
		if len(fields) > 0 {
			body = append(body, ',')
		}
		body = append(body, rest...)
	}
	s.nextID = id + 1
	s.pending = append(s.pending, pending{id: id, body: slices.Clone(body)})
	return nil
}

// Wait returns when the bot has confirmed every update pushed so far: by asking
// for later ones, or by answering its webhook with 2xx. That the bot's handlers
// have run is not known here. The error is that of ctx, or that the server is
// closed.
func (s *Server) Wait(ctx context.Context) error {
	return s.until(ctx, func() bool { return len(s.pending) == 0 })
}

// until returns when done, which is called with s.mu held, says so.
func (s *Server) until(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, closed, changed := done(), s.closed, s.changed
		s.mu.Unlock()
		switch {
		case ok:
			return nil
		case closed:
			return errClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const (
	maxLimit   = 100
	maxTimeout = 50 * time.Second

	conflictWebhook = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
	conflictPoll    = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)

// getUpdates: https://core.telegram.org/bots/api#getupdates
func (s *Server) getUpdates(ctx context.Context, p params) (any, *Error) {
	limit := p.int("limit")
	if limit < 1 || limit > maxLimit {
		limit = maxLimit
	}
	timeout := time.NewTimer(min(time.Duration(max(p.int("timeout"), 0))*time.Second, maxTimeout))
	defer timeout.Stop()

	s.mu.Lock()
	s.allow(p)
	s.confirm(p.int("offset"))
	if s.poll != nil {
		close(s.poll)
	}
	superseded := make(chan struct{})
	s.poll = superseded
	defer s.endPoll(superseded)
	for {
		if s.webhook.url != "" {
			s.mu.Unlock()
			return nil, &Error{Code: http.StatusConflict, Description: conflictWebhook}
		}
		batch := make([]json.RawMessage, 0, min(limit, len(s.pending)))
		for _, u := range s.pending[:cap(batch)] {
			batch = append(batch, u.body)
		}
		changed := s.changed
		s.mu.Unlock()
		if len(batch) > 0 {
			return batch, nil
		}
		select {
		case <-changed:
		case <-timeout.C:
			return batch, nil
		case <-ctx.Done():
			return batch, nil
		case <-superseded:
			return nil, &Error{Code: http.StatusConflict, Description: conflictPoll}
		}
		s.mu.Lock()
	}
}

func (s *Server) endPoll(mine chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == mine {
		s.poll = nil
	}
}

// confirm forgets the updates before offset; a negative one counts from the end.
// The caller holds s.mu.
func (s *Server) confirm(offset int) {
	n := len(s.pending)
	if offset < 0 {
		s.pending = s.pending[max(0, n+offset):]
	} else {
		s.pending = slices.DeleteFunc(s.pending, func(u pending) bool { return u.id < offset })
	}
	if len(s.pending) != n {
		s.announce()
	}
}

// allow remembers allowed_updates. What is no list of names, such as the "null"
// that some libraries send, leaves the setting as it was.
func (s *Server) allow(p params) {
	var names []string
	if json.Unmarshal([]byte(p["allowed_updates"]), &names) == nil && names != nil {
		s.allowed = names
	}
}

// AllowedUpdates is the last list that the bot asked for, by getUpdates or
// setWebhook; nil where it never did.
func (s *Server) AllowedUpdates() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.allowed)
}
