package discord_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A deadStore answers nothing: each call ends as die does.
type deadStore struct {
	store.Store
	die func() error
}

func (d deadStore) Apply(context.Context, []store.Record) ([]store.Change, error) {
	return nil, d.die()
}

func (d deadStore) Get(context.Context, store.Key) (store.Record, error) {
	return store.Record{}, d.die()
}

// A bot's day: what its handlers were called with, and what it sent, in order.
type botsDay struct{ calls, sent []string }

func liveThroughADay(t *testing.T, mw *middleware.Middleware) botsDay {
	t.Helper()
	srv := newLoopback(t, nil)
	session := srv.Session()
	session.SyncEvents = true
	var day botsDay
	if mw != nil {
		session.AddHandler(discord.Handler(mw, widest))
	}
	session.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) {
		day.calls = append(day.calls, "message "+m.Content)
		if _, err := s.ChannelMessageSend(m.ChannelID, "You said: "+m.Content); err != nil {
			t.Error(err)
		}
	})
	session.AddHandler(func(s *discordgo.Session, i *discordgo.InteractionCreate) {
		day.calls = append(day.calls, "interaction "+i.ApplicationCommandData().Name)
		err := s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{
			Type: discordgo.InteractionResponseChannelMessageWithSource,
			Data: &discordgo.InteractionResponseData{Content: "ran " + i.ApplicationCommandData().Name},
		})
		if err != nil {
			t.Error(err)
		}
	})
	srv.open(t, session)
	for i := range 10 {
		u := ann
		u.GlobalName = fmt.Sprint("Ann ", i) // so that each is to be saved
		for _, e := range []discordtest.Event{
			discordtest.Message(u, discordtest.DM, fmt.Sprint("direct ", i)),
			discordtest.SlashCommand(u, discordtest.Guild(guild), fmt.Sprint("command", i)),
			discordtest.Mention(bob, discordtest.Guild(guild), fmt.Sprint("mention ", i)),
		} {
			if err := srv.Dispatch(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	srv.send(t)
	for _, s := range srv.Sent() {
		day.sent = append(day.sent, fmt.Sprint(s.Kind, " ", s.ChannelID, " ", s.Text))
	}
	return day
}

func TestABotOnADeadStoreAnswersAsWithoutRollcall(t *testing.T) {
	t.Parallel()
	without := liveThroughADay(t, nil)
	if len(without.calls) != 30 || len(without.sent) != 30 {
		t.Fatalf("without rollcall: %d calls, %d sent", len(without.calls), len(without.sent))
	}
	hanging := make(chan struct{})
	for name, die := range map[string]func() error{
		"errors": func() error { return fmt.Errorf("gone: %w", store.ErrUnavailable) },
		"hangs":  func() error { <-hanging; return store.ErrUnavailable },
		"panics": func() error { panic("the store's own") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 1)
			mw, err := middleware.New(deadStore{memstore.New(), func() error {
				select {
				case asked <- struct{}{}:
				default:
				}
				return die()
			}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			with := liveThroughADay(t, mw)
			select {
			case <-asked:
			case <-within(t).Done():
				t.Error("the store was never asked")
			}
			if !slices.Equal(with.calls, without.calls) {
				t.Errorf("handlers got %q\nwithout rollcall %q", with.calls, without.calls)
			}
			if !slices.Equal(with.sent, without.sent) {
				t.Errorf("the bot sent %q\nwithout rollcall %q", with.sent, without.sent)
			}
			soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if name == "hangs" {
				close(hanging)
			}
			if err := mw.Close(soon); err == nil || errors.Is(err, store.ErrInvalid) {
				t.Errorf("Close with nothing saved: %v", err)
			}
		})
	}
}
