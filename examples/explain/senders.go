package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/middleware"
)

// A bot is whom people have to address.
type bot struct {
	id        int64
	name      string
	snowflake string
}

// senders says who acted in a raw event of either platform.
func senders(line []byte, o options) iter.Seq2[middleware.Sender, error] {
	var event struct {
		UpdateID *int64          `json:"update_id"`
		Type     string          `json:"t"`
		Data     json.RawMessage `json:"d"`
	}
	err := json.Unmarshal(line, &event)
	switch {
	case err == nil && event.Type != "":
		return fromDiscord(event.Type, event.Data, o)
	case json.Valid(line) && (err != nil || event.UpdateID == nil):
		err = errors.New(`an update looks like {"update_id":1,"message":{...}}, and an event like {"t":"MESSAGE_CREATE","d":{...}}`)
	}
	return func(yield func(middleware.Sender, error) bool) {
		var s middleware.Sender
		if err == nil {
			s, err = fromTelegram(line, o)
		}
		yield(s, err)
	}
}

func fromDiscord(eventType string, data []byte, o options) iter.Seq2[middleware.Sender, error] {
	settings := &discord.Options{BotID: o.bot.snowflake, Nicks: true}
	if o.everyone {
		settings.Scope, settings.Backfill = discord.Everyone, true
	}
	return func(yield func(middleware.Sender, error) bool) {
		for s := range discord.FromRaw(eventType, data, settings) {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func fromTelegram(update []byte, o options) (s middleware.Sender, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("telebot.v3 panics while it decodes this update: %v", r)
		}
	}()
	var u tele.Update
	if err := json.Unmarshal(update, &u); err != nil {
		return s, fmt.Errorf("telebot.v3 cannot decode this update: %w", err)
	}
	settings := &telegram.Options{}
	if o.everyone {
		settings.Scope = telegram.Everyone
	}
	return telegram.FromUpdate(&u, &tele.User{ID: o.bot.id, Username: o.bot.name}, settings), nil
}
