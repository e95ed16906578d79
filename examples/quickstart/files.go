package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// playFiles plays the user's own updates and events through the bots.
func playFiles(ctx context.Context, o options, mw *middleware.Middleware, story io.Writer) error {
	if o.updates != "" {
		t, err := startTelegram(o, mw)
		if err != nil {
			return err
		}
		defer t.stop()
		if err := playLines(ctx, o.updates, mw, story, func(line []byte) error {
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
	return playLines(ctx, o.events, mw, story, func(line []byte) error {
		var event discordtest.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return err
		}
		if event.Type == "" {
			return errors.New(`an event looks like {"t":"MESSAGE_CREATE","d":{...}}`)
		}
		return d.push(ctx, event)
	})
}

// playLines gives each line of a file to push. One that push refuses is named by
// its number, and the rest go on.
func playLines(ctx context.Context, path string, mw *middleware.Middleware, story io.Writer, push func(line []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines, broken := bufio.NewReader(file), 0
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s line %d: %w", path, number, err)
		}
		last := err != nil
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if !json.Valid(line) {
				err = errors.New("is not JSON")
			} else {
				err = push(line)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				broken++
				fmt.Fprintf(story, "%s line %d is left out: %v\n", path, number, err)
			} else if err := mw.Flush(ctx); err != nil {
				return err
			}
		}
		if last {
			break
		}
	}
	if broken > 0 {
		fmt.Fprintf(story, "%s: %d lines were left out\n", path, broken)
	}
	return nil
}
