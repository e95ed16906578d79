package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	_ "unsafe" // for go:linkname

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// onEvent is what discordgo does with each message of the gateway. A gateway on
// loopback would cost more than all that is compared.
//
//go:linkname onEvent github.com/bwmarrin/discordgo.(*Session).onEvent
func onEvent(s *discordgo.Session, messageType int, message []byte) (*discordgo.Event, error)

const textMessage = 1 // of a WebSocket

// gatewayEvent is a MESSAGE_CREATE of a guild, of somebody who is known, from the gateway
// to the bot's own handler. It has the members that Discord sends today and a text of two
// letters: 870 bytes. Each is of another time, as messages are.
func gatewayEvent() Subject {
	const without = "without rollcall"
	return Subject{
		Name: "onEvent, discordgo",
		Sides: []Side{
			{Name: "rollcall", Loop: gateway(func(s *discordgo.Session, mw *middleware.Middleware) {
				s.AddHandler(discord.Handler(mw, &discord.Options{Scope: discord.Everyone}))
			})},
			{Name: without, Loop: gateway(func(*discordgo.Session, *middleware.Middleware) {})},
		},
		Instructions: true,
		Claims: []Claim{
			{Of: "time", Metric: CPU, Against: without, Wanted: AtMost(1.02), Possible: new(1.0), Limit: "noise; the instructions decide"},
			{Of: "instructions", Metric: Instructions, Against: without, Wanted: AtMost(1.02), Guard: AtMost(1.03), Possible: new(1.0), Limit: "the event is read a second time, for what discordgo does not tell apart"},
		},
	}
}

func gateway(attach func(*discordgo.Session, *middleware.Middleware)) func(*Env) (func(int) error, error) {
	return func(e *Env) (func(int) error, error) {
		kind, data, err := discordMessage()
		if err != nil {
			return nil, err
		}
		frame, err := json.Marshal(map[string]any{"op": 0, "s": 1, "t": kind, "d": json.RawMessage(data)})
		if err != nil {
			return nil, err
		}
		id, err := snowflakeIn(frame)
		if err != nil {
			return nil, err
		}
		next, err := strconv.ParseInt(string(id), 10, 64)
		if err != nil {
			return nil, err
		}
		session, err := discordgo.New("Bot x")
		if err != nil {
			return nil, err
		}
		session.SyncEvents = true
		mw, err := middleware.New(memstore.New(), nil)
		if err != nil {
			return nil, err
		}
		e.Cleanup(func() error { return mw.Close(e) })
		attach(session, mw)
		handled := 0
		session.AddHandler(func(*discordgo.Session, *discordgo.MessageCreate) { handled++ })
		loop := func(n int) error {
			handled = 0
			for range n {
				next += aMillisecond
				strconv.AppendInt(id[:0], next, 10)
				if _, err := onEvent(session, textMessage, frame); err != nil {
					return err
				}
			}
			if handled != n {
				return fmt.Errorf("%d of %d events were handled", handled, n)
			}
			return nil
		}
		// The first opens a channel for the sequence, which Open would have done.
		if err := loop(1); err != nil {
			return nil, err
		}
		return loop, mw.Flush(e)
	}
}

// aMillisecond is by how much snowflakes differ that were made one after the other.
const aMillisecond = 1 << 22

// snowflakeIn returns the digits of a message's own id, which is in each event another.
func snowflakeIn(frame []byte) (digits []byte, err error) {
	var event struct{ D struct{ ID string } }
	if err := json.Unmarshal(frame, &event); err != nil {
		return nil, err
	}
	at := bytes.Index(frame, []byte(event.D.ID))
	if at < 0 || event.D.ID == "" {
		return nil, errors.New("no id in the frame")
	}
	return frame[at : at+len(event.D.ID)], nil
}

// rawDecode is one sender out of that event, as Discord sent it.
func rawDecode() Subject {
	const (
		decode = "discordgo's own decode"
		limit  = "each byte is looked at once"
	)
	return Subject{
		Name: "decode of one sender, Discord",
		Sides: []Side{
			{Name: "rollcall", Loop: func(*Env) (func(int) error, error) {
				kind, data, err := discordMessage()
				return func(n int) error {
					for range n {
						for s := range discord.FromRaw(kind, data, nil) {
							if s.NumericID == 0 {
								return errors.New("nobody")
							}
						}
					}
					return nil
				}, err
			}},
			{Name: decode, Loop: func(*Env) (func(int) error, error) {
				_, data, err := discordMessage()
				return func(n int) error {
					for range n {
						if err := json.Unmarshal(data, new(discordgo.MessageCreate)); err != nil {
							return err
						}
					}
					return nil
				}, err
			}},
			{Name: "repeat sender", Loop: repeatSender},
		},
		Instructions: true,
		Claims: []Claim{
			{Of: "time", Metric: CPU, Against: decode, Wanted: AtMost(0.25), Limit: limit},
			{Of: "instructions", Metric: Instructions, Against: decode, Wanted: AtMost(0.25), Guard: AtMost(0.25), Limit: limit},
			{Of: "repeat sender", Metric: Allocs, Ours: "repeat sender", Form: Value, Wanted: AtMost(5), Guard: AtMost(5), Possible: new(0.0), Limit: "what is asked of the event stays a part of its bytes, and is copied where somebody has changed"},
		},
	}
}

// repeatSender hands the event to the handler of somebody who has not changed.
func repeatSender(e *Env) (func(int) error, error) {
	kind, data, err := discordMessage()
	if err != nil {
		return nil, err
	}
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		return nil, err
	}
	e.Cleanup(func() error { return mw.Close(e) })
	handle := discord.Handler(mw, &discord.Options{Scope: discord.Everyone})
	session, event := new(discordgo.Session), &discordgo.Event{Type: kind, RawData: data}
	loop := func(n int) error {
		for range n {
			handle(session, event)
		}
		return nil
	}
	if err := loop(1); err != nil {
		return nil, err
	}
	return loop, mw.Flush(e)
}

// discordMessage returns the first event of the adapter's own samples.
func discordMessage() (kind string, data []byte, err error) {
	f, err := os.Open(filepath.Join(root, "adapters", "discord", "testdata", "events.jsonl"))
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return "", nil, errors.Join(errors.New("no samples"), lines.Err())
	}
	var sample struct {
		T string          `json:"t"`
		D json.RawMessage `json:"d"`
	}
	err = json.Unmarshal(lines.Bytes(), &sample)
	return sample.T, bytes.Clone(sample.D), err
}
