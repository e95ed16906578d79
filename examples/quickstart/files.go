package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// playFiles plays the user's own updates and events through the bots.
func playFiles(ctx context.Context, o options, mw *middleware.Middleware, ms mirrors, story io.Writer) error {
	if o.updates != "" {
		t, err := startTelegram(o, mw)
		if err != nil {
			return err
		}
		defer t.stop()
		if err := playLines(ctx, o.updates, mw, ms, story, func(line []byte) error {
			if err := t.check(line); err != nil {
				return err
			}
			return t.push(ctx, json.RawMessage(line))
		}); err != nil {
			return err
		}
	}
	if o.events == "" {
		return nil
	}
	d, err := startDiscord(o, mw)
	if err != nil {
		return err
	}
	defer d.stop()
	return playLines(ctx, o.events, mw, ms, story, func(line []byte) error {
		var event discordtest.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return err
		}
		if event.Type == "" {
			return errors.New(`an event looks like {"t":"MESSAGE_CREATE","d":{...}}`)
		}
		if err := d.check(event); err != nil {
			return err
		}
		return d.push(ctx, event)
	})
}

// A line is one of a file, and where it stood.
type line struct {
	number int
	text   []byte
}

// readLines reads a file of JSON lines. Updates are put into the order of their
// update_id, as Telegram delivers them; a line without one stays behind the line
// before it.
func readLines(path string) ([]line, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var lines []line
	var places []int64
	for text := range bytes.Lines(data) {
		var update struct {
			ID *int64 `json:"update_id"`
		}
		place := int64(0)
		switch {
		case json.Unmarshal(text, &update) == nil && update.ID != nil:
			place = *update.ID
		case len(places) > 0:
			place = places[len(places)-1]
		}
		lines = append(lines, line{number: len(lines) + 1, text: bytes.TrimSpace(text)})
		places = append(places, place)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(places[a.number-1], places[b.number-1]) })
	return lines, nil
}

// playLines gives each line of a file to push. One that push refuses is named by
// its number, and the rest go on.
func playLines(ctx context.Context, path string, mw *middleware.Middleware, ms mirrors, story io.Writer, push func(line []byte) error) error {
	lines, err := readLines(path)
	if err != nil {
		return err
	}
	broken := 0
	for _, l := range lines {
		if len(l.text) == 0 {
			continue
		}
		err := errors.New("is not JSON")
		if json.Valid(l.text) {
			err = push(l.text)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			broken++
			fmt.Fprintf(story, "%s line %d is left out: %v\n", path, l.number, err)
			continue
		}
		if err := ms.settle(ctx, mw); err != nil {
			return err
		}
	}
	if broken > 0 {
		fmt.Fprintf(story, "%s: left out %d of its lines\n", path, broken)
	}
	return nil
}
