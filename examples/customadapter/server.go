package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// A Server is the chat itself, on loopback: it sends lines to the bots and
// remembers what they send.
type Server struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	bots  []net.Conn
	sent  map[string][]string
	lines int64
}

// Serve starts a server on a free port.
func Serve() (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("linechat: listen: %w", err)
	}
	s := &Server{listener: ln, sent: make(map[string][]string)}
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
	return s, nil
}

// Addr is where bots dial.
func (s *Server) Addr() string { return s.listener.Addr().String() }

func (s *Server) serve(conn net.Conn) {
	lines := json.NewDecoder(conn)
	for {
		var r request
		if lines.Decode(&r) != nil {
			return
		}
		s.mu.Lock()
		switch {
		case r.Nick != "":
			s.bots = append(s.bots, conn)
			_ = json.NewEncoder(conn).Encode(Message{Text: "welcome"})
		default:
			s.sent[r.To] = append(s.sent[r.To], r.Text)
		}
		s.mu.Unlock()
	}
}

// Say sends a line to every bot, with an ID of its own, which is returned, and
// with the present time where m has none.
func (s *Server) Say(m Message) (id int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines++
	m.ID = s.lines
	if m.Millis == 0 {
		m.Millis = time.Now().UnixMilli()
	}
	for _, bot := range s.bots {
		err = errors.Join(err, json.NewEncoder(bot).Encode(m))
	}
	return m.ID, err
}

// Sent returns what bots have sent to a chat so far.
func (s *Server) Sent(chat string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent[chat])
}

// Close ends the server and its connections.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for _, bot := range s.bots {
		err = errors.Join(err, bot.Close())
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}
