package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// An unforgettingStore cannot forget while it is away.
type unforgettingStore struct {
	*memstore.Store
	away atomic.Bool
}

func (s *unforgettingStore) Forget(ctx context.Context, key store.Key, suppress bool) error {
	if s.away.Load() {
		return store.ErrUnavailable
	}
	return s.Store.Forget(ctx, key, suppress)
}

func TestPrivacyCommands(t *testing.T) {
	srv, err := discordtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	st := &unforgettingStore{Store: memstore.New()}
	mw, err := middleware.New(st, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer mw.Close(context.Background())
	session := srv.Session()
	session.SyncEvents = true // so that Sync waits for rollcall's handler as well
	session.AddHandler(discord.Handler(mw, nil))
	handlePrivacy(session, mw)
	if err := session.Open(); err != nil {
		t.Fatal(err)
	}
	defer session.Close()

	ann := discordtest.User{ID: "80351110224678912", Username: "ann", GlobalName: "Ann"}
	key := store.Key{Channel: "discord", UserID: ann.ID}
	saved := func() (store.Record, error) {
		t.Helper()
		if err := mw.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return st.Get(t.Context(), key)
	}
	sent := 0
	command := func(name string, place discordtest.Place) discordtest.Sent {
		t.Helper()
		if err := srv.Dispatch(discordtest.SlashCommand(ann, place, name)); err != nil {
			t.Fatal(err)
		}
		sent++
		all, err := srv.WaitSent(t.Context(), sent)
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		return all[sent-1]
	}
	if s := command("mydata", discordtest.Guild("7")); s.Kind != discordtest.KindResponse || s.Text != "" {
		t.Errorf("/mydata was answered by %s %q", s.Kind, s.Text)
	}
	if _, err := saved(); err != nil {
		t.Errorf("before /forgetme: %v", err)
	}
	command("forgetme", discordtest.DM)
	if _, err := st.Get(t.Context(), key); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("after /forgetme: %v, want store.ErrSuppressed", err)
	}
	command("remember", discordtest.DM)
	command("mydata", discordtest.DM)
	if r, err := saved(); err != nil || r.Profile().Name != "Ann" {
		t.Errorf("after /remember: %v, %v", r, err)
	}
	st.away.Store(true)
	if s := command("forgetme", discordtest.DM); s.Text != "I could not do that just now. Please try again in a minute." {
		t.Errorf("without the store: %q", s.Text)
	}

	// What lacks all that can lack ends nobody.
	st.away.Store(false)
	for _, e := range []discordtest.Event{
		discordtest.SlashCommand(ann, discordtest.DM, "mydata").Without("user"),
		discordtest.SlashCommand(ann, discordtest.Guild("7"), "mydata").With("member", map[string]any{}),
		{Type: "READY", Data: json.RawMessage(`{}`)},
	} {
		if err := srv.Dispatch(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := srv.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := command("forgetme", discordtest.DM); !strings.Contains(s.Text, "nothing else of you") {
		t.Errorf("/forgetme was answered by %q", s.Text)
	}
}
