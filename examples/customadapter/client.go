package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// The platform: a chat over TCP in which each line is a JSON object. This file
// is its client library, which knows nothing of rollcall.

// A Message is one line that the server sends.
type Message struct {
	ID     int64  `json:"id"`
	Millis int64  `json:"millis"` // since 1970
	Room   string `json:"room,omitempty"`
	From   *User  `json:"from,omitempty"` // nil: an announcement of the server's
	Text   string `json:"text"`
}

// Chat is where an answer to m goes.
func (m Message) Chat() string {
	if m.Room != "" || m.From == nil {
		return m.Room
	}
	return "@" + strconv.FormatUint(m.From.ID, 10)
}

// A User is who wrote a Message.
type User struct {
	ID   uint64 `json:"id"`
	Nick string `json:"nick"`
	Name string `json:"name,omitempty"`
	Bot  bool   `json:"bot,omitempty"`
}

// A request is one line that a client sends. The first one has Nick alone.
type request struct {
	Nick string `json:"nick,omitempty"`
	To   string `json:"to,omitempty"`
	Text string `json:"text,omitempty"`
}

// A Client is a bot's connection to the server.
type Client struct {
	Nick string

	conn   net.Conn
	lines  *json.Decoder
	handle func(Message)

	mu sync.Mutex // one writer at a time
}

// Dial connects a bot and waits until the server knows it.
func Dial(ctx context.Context, addr, nick string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("linechat: dial: %w", err)
	}
	c := &Client{Nick: nick, conn: conn, lines: json.NewDecoder(conn)}
	err = c.write(ctx, request{Nick: nick})
	if err == nil {
		err = c.lines.Decode(&Message{}) // the welcome
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("linechat: greeting: %w", err), conn.Close())
	}
	return c, nil
}

// Handle sets what Run calls for each line. Call it before Run.
func (c *Client) Handle(h func(Message)) { c.handle = h }

// Run reads lines until the connection is closed.
func (c *Client) Run() error {
	for {
		var m Message
		err := c.lines.Decode(&m)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("linechat: read: %w", err)
		}
		c.handle(m)
	}
}

// Send writes text to a room, or to a person where chat is "@" and their id.
func (c *Client) Send(ctx context.Context, chat, text string) error {
	if err := c.write(ctx, request{To: chat, Text: text}); err != nil {
		return fmt.Errorf("linechat: send: %w", err)
	}
	return nil
}

func (c *Client) write(ctx context.Context, r request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(10 * time.Second)
	}
	if err := c.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	return json.NewEncoder(c.conn).Encode(r)
}

// Close ends Run.
func (c *Client) Close() error { return c.conn.Close() }
