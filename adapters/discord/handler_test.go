package discord_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// attach opens a session with the handler on it.
func attach(t *testing.T, r *roll, o *discord.Options, edit func(*discordgo.Session)) *loopback {
	t.Helper()
	srv := newLoopback(t, nil)
	session := srv.Session()
	session.SyncEvents = true
	session.Identify.Intents = discordgo.IntentsAll
	if edit != nil {
		edit(session)
	}
	session.AddHandler(discord.Handler(r.Middleware, o))
	srv.open(t, session)
	return srv
}

func TestTheDayOfOnePerson(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*discordgo.Session){
		"SyncEvents, text frames":        func(s *discordgo.Session) { s.Compress = false },
		"SyncEvents, zlib frames":        nil,
		"a goroutine a handler, zlib":    func(s *discordgo.Session) { s.SyncEvents = false },
		"a goroutine a handler, no zlib": func(s *discordgo.Session) { s.SyncEvents, s.Compress = false, false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoll(t, middleware.Options{})
			srv := attach(t, r, &discord.Options{Nicks: true}, edit)
			nick := store.NickField(guild)
			at := time.Now().Add(-time.Hour)
			say := func(e discordtest.Event) {
				at = at.Add(time.Minute)
				srv.send(t, e.At(at))
			}

			say(discordtest.Message(ann, discordtest.DM, "hi"))
			r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
			say(discordtest.Message(ann, discordtest.DM, "hi again"))
			r.result(t, middleware.Unchanged)

			renamed := ann
			renamed.GlobalName, renamed.Avatar = "", ""
			say(discordtest.Message(renamed, discordtest.DM, "I changed"))
			r.result(t, middleware.Updated, store.FieldName, store.FieldPicture)
			if p := r.profile(t, ann); p.Name != "ann" || p.Picture != "" || p.Username != "ann" {
				t.Errorf("after the rename: %+v", p)
			}
			say(discordtest.SlashCommand(renamed, discordtest.DM, "ping"))
			r.result(t, middleware.Updated, store.FieldLocale)

			renamed.Nick = "Annie"
			say(discordtest.SlashCommand(renamed, discordtest.Guild(guild), "ping"))
			r.result(t, middleware.Updated, nick)
			if p := r.profile(t, ann); p.Name != "ann" || p.Nicks[guild] != "Annie" || p.Locale != "en-US" {
				t.Errorf("with a nick: %+v", p)
			}
			renamed.Nick = ""
			say(discordtest.Mention(renamed, discordtest.Guild(guild), "bye"))
			r.result(t, middleware.Updated, nick)
			if p := r.profile(t, ann); len(p.Nicks) != 0 || p.LastSeen.Sub(at).Abs() >= time.Second {
				t.Errorf("at the end: seen at %v, want %v; nicks %v", p.LastSeen, at, p.Nicks)
			}
		})
	}
}

func TestHandlerIsOfTheUnnamedTypeThatDiscordgoCalls(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	next := func(*discordgo.Session, *discordgo.MessageCreate) {}
	for _, h := range []any{discord.Handler(r.Middleware, nil), discord.Wrap(r.Middleware, next, nil)} {
		if typ := reflect.TypeOf(h); typ.Name() != "" || typ.Kind() != reflect.Func {
			t.Errorf("%v is a named type: discordgo never calls it", typ)
		}
	}
}

func TestOptionsAreCopied(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	o := &discord.Options{}
	handle := discord.Handler(r.Middleware, o)
	o.Scope = discord.Everyone
	e := discordtest.Message(ann, discordtest.Guild(guild), "hi")
	handle(&discordgo.Session{}, &discordgo.Event{Type: e.Type, RawData: e.Data})
	r.dropped(t, middleware.ReasonUnaddressed)
}

func TestANilMiddlewareObservesNothing(t *testing.T) {
	t.Parallel()
	e := discordtest.Message(ann, discordtest.DM, "hi")
	discord.Handler(nil, nil)(&discordgo.Session{}, &discordgo.Event{Type: e.Type, RawData: e.Data})
	called := false
	next := func(*discordgo.Session, *discordgo.MessageCreate) { called = true }
	discord.Wrap(nil, next, nil)(&discordgo.Session{}, &discordgo.MessageCreate{})
	if !called {
		t.Error("the handler behind Wrap was not called")
	}
}

func TestANilEventIsNoEvent(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	discord.Handler(r.Middleware, nil)(nil, nil)
	r.quiet(t)
}

// A Ready handler that takes the session's lock deadlocks, and so would ours.
func TestHandlerTakesNoLockOfTheSession(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	handle := discord.Handler(r.Middleware, nil)
	session, err := discordgo.New(discordtest.Token)
	if err != nil {
		t.Fatal(err)
	}
	session.Lock()
	session.State.Lock()
	defer session.Unlock()
	defer session.State.Unlock()
	e := discordtest.Message(ann, discordtest.DM, "hi")
	done := make(chan struct{})
	go func() {
		defer close(done)
		handle(session, &discordgo.Event{Type: "READY", RawData: []byte(`{"user":{"id":"` + discordtest.BotID + `"}}`)})
		handle(session, &discordgo.Event{Type: e.Type, RawData: e.Data})
	}()
	select {
	case <-done:
	case <-time.After(deadline):
		t.Fatal("the handler waits for a lock of the session")
	}
	r.next(t, 1)
}

func TestHandlerReadsNoStateAndCallsNoAPI(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	handle := discord.Handler(r.Middleware, widest)
	session := &discordgo.Session{Client: &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		t.Errorf("the adapter called %s", req.URL.Path)
		return nil, http.ErrHandlerTimeout
	})}}
	for _, s := range samples(t) {
		handle(session, &discordgo.Event{Type: s.T, RawData: s.D})
	}
	if err := r.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	if len(r.outcomes) == 0 {
		t.Error("nothing was observed")
	}
}

// discordgo gives up on a whole message for one component that it does not
// know. The bot's own handler gets no author then; the profile is right all the
// same.
func TestAMessageThatDiscordgoCannotDecodeStillMakesAProfile(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	var authors []*discordgo.User
	srv := attach(t, r, nil, func(s *discordgo.Session) {
		s.LogLevel = -1
		s.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageCreate) { authors = append(authors, m.Author) })
	})
	srv.send(t, discordtest.Message(ann, discordtest.DM, "new").With("components", []any{map[string]any{"type": 18}}))
	if len(authors) != 1 || authors[0] != nil {
		t.Fatalf("discordgo decoded %v: the trap is gone", authors)
	}
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	if p := r.profile(t, ann); p.Name != "Ann" {
		t.Errorf("kept %+v", p)
	}
}

// PluralKit deletes the message and has a webhook repost it under another name.
func TestAProxiedMessageIsItsPersonsOnce(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, &discord.Options{Scope: discord.Everyone}, nil)
	original, repost := discordtest.Proxied(ann, discordtest.Guild(guild), "The Fox", "hi")
	srv.send(t, original)
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.send(t, repost)
	r.dropped(t, middleware.ReasonWebhook)
	if p := r.profile(t, ann); p.Name != "Ann" {
		t.Errorf("kept %+v", p)
	}
}

func TestWhoIsNoPersonIsDroppedWithTheReason(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, widest, nil)
	robot := bob
	robot.Bot = true
	dropped := 0
	for _, c := range []struct {
		event discordtest.Event
		why   middleware.Reason
	}{
		{discordtest.Message(robot, discordtest.DM, "beep"), middleware.ReasonBot},
		{discordtest.SystemMessage("welcome"), middleware.ReasonService},
		{discordtest.WebhookMessage(discordtest.Guild(guild), "news", "x"), middleware.ReasonWebhook},
		{discordtest.Unfurl(discordtest.Guild(guild)), middleware.ReasonNobody},
		{discordtest.JoinMessage(ann, guild), middleware.ReasonSystem},
		{discordtest.Message(ann, discordtest.Guild(guild), "x").With("flags", 2), middleware.ReasonChannel},
		{discordtest.Message(ann, discordtest.DM, "x").Without("author"), middleware.ReasonNobody},
	} {
		srv.send(t, c.event)
		r.dropped(t, c.why)
		dropped++
	}
	r.nobody(t, ann)
	r.nobody(t, bob)
	t.Attr("figure", fmt.Sprintf("%d events, 0 people", dropped))
}

// After Close of the middleware discordgo still hands events on: its own Close
// does not wait for handlers.
func TestEventsAfterCloseAreDropped(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, nil)
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	r.next(t, 1)
	if err := r.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	srv.send(t, discordtest.Message(bob, discordtest.DM, "late"))
	if _, err := r.kept.Get(within(t), keyOf(bob)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("bob was kept: %v", err)
	}
	if _, err := r.kept.Get(within(t), keyOf(ann)); err != nil {
		t.Errorf("ann was not: %v", err)
	}
}

func TestADisplayNameThatIsHuge(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	handle := discord.Handler(r.Middleware, nil)
	u := ann
	u.GlobalName = strings.Repeat("n", 10<<20)
	e := discordtest.Message(u, discordtest.DM, "hi")
	handle(&discordgo.Session{}, &discordgo.Event{Type: e.Type, RawData: e.Data})
	if o := r.one(t); o.Result != middleware.Created || len(o.Profile.Name) == 0 || len(o.Profile.Name) > 1<<10 {
		t.Errorf("%s, a name of %d bytes", o.Result, len(o.Profile.Name))
	}
}

// Who sees the event itself.
func TestWhoSeesTheRawEvent(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{Who: func(s middleware.Sender) bool {
		e, ok := s.Native.(*discordgo.Event)
		return ok && strings.Contains(string(e.RawData), "!prefix") && s.Drop == middleware.ReasonUnaddressed
	}})
	srv := attach(t, r, nil, nil)
	srv.send(t, discordtest.Message(ann, discordtest.Guild(guild), "hi"))
	r.dropped(t, middleware.ReasonUnaddressed)
	srv.send(t, discordtest.Message(ann, discordtest.Guild(guild), "!prefix hi"))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
}

// The adapter reads the event's own bytes, and what it keeps is copied.
func TestNothingOfTheEventsMemoryIsKept(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	handle := discord.Handler(r.Middleware, nil)
	srv := newLoopback(t, nil)
	session := srv.Session()
	e := discordtest.Message(ann, discordtest.DM, "hi")
	data := slices.Clone(e.Data)
	handle(session, &discordgo.Event{Type: e.Type, RawData: data})
	for i := range data {
		data[i] = 'X'
	}
	if err := r.one(t).Reply(within(t), "hi"); err != nil {
		t.Error(err)
	}
	if p := r.profile(t, ann); p.Name != "Ann" || p.Username != "ann" || !strings.HasSuffix(p.Picture, ann.ID+"/"+ann.Avatar+".png") {
		t.Errorf("kept %+v", p)
	}
	if sent := srv.Sent(); len(sent) != 1 || sent[0].ChannelID != discordtest.DMChannel(ann.ID) {
		t.Errorf("sent %+v", sent)
	}
}

// An interaction is answered by its token, which is a part of the event too.
func TestNothingOfAnInteractionsMemoryIsKept(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	session, err := discordgo.New("Bot x")
	if err != nil {
		t.Fatal(err)
	}
	asked := ""
	session.Client = &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		asked = req.URL.Path
		return response(200, "{}"), nil
	})}
	e := discordtest.SlashCommand(ann, discordtest.Guild(guild), "ping")
	data := slices.Clone(e.Data)
	discord.Handler(r.Middleware, nil)(session, &discordgo.Event{Type: e.Type, RawData: data})
	for i := range data {
		data[i] = 'X'
	}
	if err := r.one(t).Reply(within(t), "hi"); err != nil || asked == "" || strings.Contains(asked, "XX") {
		t.Errorf("asked for %q: %v", asked, err)
	}
}
