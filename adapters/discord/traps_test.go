package discord_test

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// everyField is what a first message of somebody with a picture brings.
var everyField = []store.Field{store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername}

func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

// decoded returns a message event as discordgo gives it to handlers.
func decoded(t *testing.T, e discordtest.Event) *discordgo.Message {
	t.Helper()
	var m discordgo.MessageCreate
	if err := json.Unmarshal(e.Data, &m); err != nil {
		t.Fatal(err)
	}
	return m.Message
}

// bothWays returns what our raw and our typed reader make of a message.
func bothWays(t *testing.T, e discordtest.Event) []middleware.Sender {
	t.Helper()
	senders := slices.Collect(discord.FromRaw(e.Type, e.Data, narrow))
	return append(senders, discord.FromMessage(decoded(t, e), narrow))
}

// The member of a message holds no user and no guild.
func TestMemberDisplayNameAndAvatarURLPanicOnAMessagesMemberAndAreNotUsed(t *testing.T) {
	t.Parallel()
	e := discordtest.Mention(ann, discordtest.Guild(guild), "hi")
	m := decoded(t, e).Member
	if !panics(func() { m.DisplayName() }) || !panics(func() { m.AvatarURL("") }) {
		t.Fatal("discordgo panics no more: the trap is gone")
	}
	m.Avatar = "8342"
	if !panics(func() { m.AvatarURL("") }) {
		t.Fatal("discordgo panics no more on a guild's avatar: the trap is gone")
	}
	withGuildAvatar := e.With("member", map[string]any{"nick": nil, "avatar": "8342", "roles": []string{}})
	for _, e := range []discordtest.Event{e, withGuildAvatar} {
		for _, s := range bothWays(t, e) {
			set := s.Patch().Set
			if s.Drop != "" || set[store.FieldName] != "Ann" || !strings.HasSuffix(set[store.FieldPicture], "/avatars/"+ann.ID+"/"+ann.Avatar+".png") {
				t.Errorf("dropped %q, set %v", s.Drop, set)
			}
		}
	}
}

// "0" is an account of today, "0000" a webhook; discordgo takes a missing one
// for an account of old, and shows "ann#".
func TestADiscriminatorOfNoneZeroOrFourZerosChangesNothing(t *testing.T) {
	t.Parallel()
	bare := discordtest.User{ID: ann.ID, Username: "ann"}
	e := discordtest.Message(bare, discordtest.DM, "hi")
	want := map[store.Field]string{store.FieldName: "ann", store.FieldUsername: "ann", store.FieldStatus: string(store.StatusActive)}
	for _, discriminator := range []any{nil, "", "0", "0000", "1337"} {
		author := map[string]any{"id": ann.ID, "username": "ann", "global_name": nil, "avatar": nil, "discriminator": discriminator}
		for _, s := range bothWays(t, e.With("author", author)) {
			p := s.Patch()
			if len(p.Set) != len(want) || !slices.Equal(p.Clear, []store.Field{store.FieldPicture}) || s.Drop != "" {
				t.Errorf("%v: dropped %q, set %v, cleared %v", discriminator, s.Drop, p.Set, p.Clear)
			}
			for f, v := range want {
				if p.Set[f] != v {
					t.Errorf("%v: %s is %q, want %q", discriminator, f, p.Set[f], v)
				}
			}
		}
	}
}

// Not parallel: it changes variables of discordgo, which other tests read.
func TestTheMutableEndpointsOfDiscordgosCDNChangeNoPicture(t *testing.T) {
	for _, endpoint := range []*string{&discordgo.EndpointCDN, &discordgo.EndpointCDNAvatars, &discordgo.EndpointCDNGuilds} {
		old := *endpoint
		defer func() { *endpoint = old }()
		*endpoint = "http://127.0.0.1:1/"
	}
	e := discordtest.Message(ann, discordtest.DM, "hi")
	if url := decoded(t, e).Author.AvatarURL(""); !strings.HasPrefix(url, "http://127.0.0.1:1/") {
		t.Fatalf("discordgo gives %s: the trap is gone", url)
	}
	for _, s := range bothWays(t, e) {
		if got, want := s.Patch().Set[store.FieldPicture], "https://cdn.discordapp.com/avatars/"+ann.ID+"/"+ann.Avatar+".png"; got != want {
			t.Errorf("the picture is %s, want %s", got, want)
		}
	}
}

func TestAnInteractionNeedsNoIntentAtAll(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, func(s *discordgo.Session) { s.Identify.Intents = discordgo.IntentsNone })
	for _, unasked := range []discordtest.Event{
		discordtest.Message(bob, discordtest.DM, "hi"),
		discordtest.Mention(bob, discordtest.Guild(guild), "hi"),
	} {
		srv.send(t, unasked)
		r.quiet(t)
	}
	srv.send(t, discordtest.SlashCommand(ann, discordtest.Guild(guild), "ping"))
	if o := r.one(t); o.Result != middleware.Created || o.Profile.Name != "Ann" || o.Profile.Picture == "" {
		t.Errorf("%s %+v", o.Result, o.Profile)
	}
}

// Message content is a privileged intent; the author is not part of it.
func TestMessagesNeedNoPrivilegedIntent(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, func(s *discordgo.Session) {
		s.Identify.Intents = discordgo.IntentDirectMessages | discordgo.IntentGuildMessages
	})
	srv.send(t, discordtest.Message(ann, discordtest.DM, ""))
	r.result(t, middleware.Created, everyField...)
	srv.send(t, discordtest.Mention(bob, discordtest.Guild(guild), "").With("content", ""))
	r.result(t, middleware.Created, store.FieldName, store.FieldStatus, store.FieldUsername)
}

// Op 9: the session is gone, and with it what Discord sent meanwhile. discordgo
// identifies again on the same socket.
func TestProfilesAreKeptAfterAnInvalidSessionIdentifiesAgain(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	ready := make(chan struct{}, 2)
	srv := attach(t, r, nil, func(s *discordgo.Session) {
		s.AddHandler(func(*discordgo.Session, *discordgo.Ready) { ready <- struct{}{} })
	})
	<-ready
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	r.result(t, middleware.Created, everyField...)
	srv.Invalidate()
	select {
	case <-ready:
	case <-time.After(deadline):
		t.Fatal("the session did not identify again")
	}
	srv.send(t, discordtest.Mention(bob, discordtest.Guild(guild), "hi")) // the bot's id is known again, or still
	r.result(t, middleware.Created, store.FieldName, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi again"))
	r.result(t, middleware.Unchanged)
	if p := r.profile(t, ann); p.Name != "Ann" {
		t.Errorf("kept %+v", p)
	}
}

// A countingStore counts the writes that reach it.
type countingStore struct {
	store.Store
	writes atomic.Int32
}

func (c *countingStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	c.writes.Add(int32(len(deltas)))
	return c.Store.Apply(ctx, deltas)
}

// Who shares guilds on many shards with the bot changes their name once, and
// Discord tells each shard.
func TestOneGuildMemberUpdatePerShardIsOneUpdate(t *testing.T) {
	t.Parallel()
	const shards = 4
	st := &countingStore{Store: memstore.New()}
	r := newRollOn(t, st, middleware.Options{})
	srv := newLoopback(t, nil)
	handle := discord.Handler(r.Middleware, widest)
	for id := range shards {
		session := srv.Shard(id, shards)
		session.SyncEvents = true
		session.Identify.Intents = discordgo.IntentsAll
		session.AddHandler(handle)
		srv.open(t, session)
	}
	srv.send(t, discordtest.MemberUpdate(ann, strconv.Itoa(shards<<22)).Without("nick"))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	renamed := ann
	renamed.GlobalName = "Anna"
	for id := range shards {
		srv.send(t, discordtest.MemberUpdate(renamed, strconv.Itoa((shards+id)<<22)).Without("nick"))
		if id == 0 {
			r.result(t, middleware.Updated, store.FieldName)
			continue
		}
		r.result(t, middleware.Unchanged)
	}
	if n := st.writes.Load(); n != 2 {
		t.Errorf("%d writes, want 2", n)
	}
}

func TestANickThatDiffersBetweenGuildsDoesNotFlap(t *testing.T) {
	t.Parallel()
	nicks := map[string]string{"7": "Queen", "8": "Fox"}
	for name, o := range map[string]*discord.Options{"nicks left out": {Scope: discord.Everyone}, "nicks kept": widest} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := &countingStore{Store: memstore.New()}
			r := newRollOn(t, st, middleware.Options{})
			srv := attach(t, r, o, nil)
			var news int
			for i := range 10 {
				u, in := ann, []string{"7", "8"}[i%2]
				u.Nick = nicks[in]
				srv.send(t, discordtest.Message(u, discordtest.Guild(in), "hi"))
				if o := r.one(t); o.Result != middleware.Unchanged {
					news++
				}
				if p := r.profile(t, ann); p.Name != "Ann" || p.DisplayName() != "Ann" {
					t.Fatalf("the name is %q, shown as %q", p.Name, p.DisplayName())
				}
			}
			want := 1
			if o.Nicks {
				want = 2
			}
			if news != want {
				t.Errorf("%d changes, want %d", news, want)
			}
			if n := st.writes.Load(); !o.Nicks && n != 1 {
				t.Errorf("%d writes, want 1", n)
			}
		})
	}
}

// A preview that comes in for yesterday's message says nothing of the time now.
func TestAnUpdateOfAnOldMessageDoesNotSetTheClockBack(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, &discord.Options{Scope: discord.Everyone}, nil)
	srv.send(t, discordtest.Message(ann, discordtest.Guild(guild), "hi"))
	r.result(t, middleware.Created, everyField...)
	yesterday := time.Now().Add(-24 * time.Hour)
	srv.send(t, discordtest.Unfurl(discordtest.Guild(guild)).With("id", discordtest.Snowflake(yesterday)))
	r.dropped(t, middleware.ReasonNobody)
	srv.send(t, discordtest.Edit(bob, discordtest.Guild(guild), "old").At(yesterday))
	r.result(t, middleware.Created, store.FieldName, store.FieldStatus, store.FieldUsername)
	renamed := ann
	renamed.GlobalName = "Anna"
	srv.send(t, discordtest.MemberUpdate(renamed, guild))
	r.result(t, middleware.Updated, store.FieldName)
}

func TestALeaveKeepsTheNick(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, widest, nil)
	u := ann
	u.Nick = "Annie"
	srv.send(t, discordtest.MemberAdd(u, guild))
	r.result(t, middleware.Created, append([]store.Field{store.FieldName, store.NickField(guild)}, everyField[1:]...)...)
	srv.send(t, discordtest.MemberRemove(u, guild).With("nick", nil))
	r.result(t, middleware.Updated, store.FieldStatus)
	if p := r.profile(t, ann); p.Nicks[guild] != "Annie" {
		t.Errorf("nicks after the leave: %v", p.Nicks)
	}
}
