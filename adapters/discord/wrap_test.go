package discord_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

func TestWrapObservesFirstAndCallsNextOnce(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := newLoopback(t, nil)
	session := srv.Session()
	session.SyncEvents = true
	var calls atomic.Int32
	var whole *discordgo.MessageCreate
	session.AddHandler(discord.Wrap(r.Middleware, func(_ *discordgo.Session, m *discordgo.MessageCreate) {
		calls.Add(1)
		whole = m
	}, narrow))
	srv.open(t, session)
	srv.send(t, discordtest.Mention(ann, discordtest.Guild(guild), "hi"))
	if calls.Load() != 1 || whole.Content != "<@"+discordtest.BotID+"> hi" {
		t.Fatalf("next was called %d times, with %+v", calls.Load(), whole)
	}
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.TypingStart(ann, discordtest.DM))
	r.quiet(t)
}

func TestWrapOfEveryTypeOfEvent(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := newLoopback(t, nil)
	session := srv.Session()
	session.SyncEvents = true
	var got []string
	note := func(event any) { got = append(got, fmt.Sprintf("%T", event)) }
	session.AddHandler(discord.Wrap(r.Middleware, func(_ *discordgo.Session, e *discordgo.InteractionCreate) { note(e) }, nil))
	session.AddHandler(discord.Wrap(r.Middleware, func(_ *discordgo.Session, e *discordgo.MessageUpdate) { note(e) }, nil))
	session.AddHandler(discord.Wrap(r.Middleware, func(_ *discordgo.Session, e *discordgo.TypingStart) { note(e) }, nil))
	srv.open(t, session)
	srv.send(t, discordtest.SlashCommand(ann, discordtest.DM, "ping"))
	r.result(t, middleware.Created, store.FieldLocale, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.Edit(ann, discordtest.DM, "edited"))
	r.result(t, middleware.Unchanged)
	srv.send(t, discordtest.Unfurl(discordtest.DM))
	r.dropped(t, middleware.ReasonNobody)
	srv.send(t, discordtest.TypingStart(ann, discordtest.DM))
	r.quiet(t)
	want := "[*discordgo.InteractionCreate *discordgo.MessageUpdate *discordgo.MessageUpdate *discordgo.TypingStart]"
	if fmt.Sprint(got) != want {
		t.Errorf("next got %v", got)
	}
}

// discordgo hands each event to a handler of any twice: decoded, and raw.
func TestWrapOfAnyObservesEachEventOnce(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := newLoopback(t, nil)
	session := srv.Session()
	session.SyncEvents = true
	var messages int
	session.AddHandler(discord.Wrap(r.Middleware, func(_ *discordgo.Session, e any) {
		switch e := e.(type) {
		case *discordgo.MessageCreate:
			messages++
		case *discordgo.Event:
			if e.Type == "MESSAGE_CREATE" {
				messages++
			}
		}
	}, nil))
	srv.open(t, session)
	srv.send(t, discordtest.Mention(ann, discordtest.Guild(guild), "hi"))
	if messages != 2 {
		t.Fatalf("discordgo called the handler %d times: the trap is gone", messages)
	}
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
}

func TestAPanicOfNextStaysNexts(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	handle := discord.Wrap(r.Middleware, func(*discordgo.Session, *discordgo.MessageCreate) { panic("the bot's own") }, nil)
	defer func() {
		if got := recover(); got != "the bot's own" {
			t.Errorf("recovered %v", got)
		}
		r.next(t, 1)
	}()
	handle(&discordgo.Session{}, &discordgo.MessageCreate{Message: &discordgo.Message{ID: "1", Author: &discordgo.User{ID: ann.ID, Username: "ann"}}})
}

func TestWrapOfANilEventCallsNextAndFindsNobody(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	called := false
	handle := discord.Wrap(r.Middleware, func(*discordgo.Session, *discordgo.MessageCreate) { called = true }, nil)
	handle(nil, nil)
	if !called {
		t.Error("next was not called")
	}
	r.dropped(t, middleware.ReasonNobody)
}
