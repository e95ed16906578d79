package discord_test

import (
	"errors"
	"net/http"
	"reflect"
	"strconv"
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

// Only messages and interactions carry their time. After a backlog, a change of
// a member must not win against every message of the backlog that is still to
// come.
func TestAnUndatedEventOfABacklogDoesNotWinOverLaterOnes(t *testing.T) {
	t.Parallel()
	for name, dated := range map[string]discordtest.Event{
		"message":     discordtest.Message(ann, discordtest.Guild(guild), "1"),
		"interaction": discordtest.SlashCommand(ann, discordtest.Guild(guild), "ping"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoll(t, middleware.Options{})
			handle := discord.Handler(r.Middleware, &discord.Options{Scope: discord.Everyone})
			yesterday := time.Now().Add(-24 * time.Hour)
			second, third := ann, ann
			second.GlobalName, third.GlobalName = "Second", "Third"
			for _, e := range []discordtest.Event{
				dated.At(yesterday),
				discordtest.MemberUpdate(second, guild),
				discordtest.Message(third, discordtest.Guild(guild), "2").At(yesterday.Add(time.Minute)),
			} {
				handle(&discordgo.Session{}, &discordgo.Event{Type: e.Type, RawData: e.Data})
				if err := r.Flush(within(t)); err != nil {
					t.Fatal(err)
				}
			}
			if p := r.profile(t, ann); p.Name != "Third" {
				t.Errorf("kept %q", p.Name)
			}
		})
	}
}

// The middle of a burst is where discordgo reorders the most.
func TestABurstOutOfOrderEndsWithTheNewestName(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, func(s *discordgo.Session) { s.SyncEvents = false })
	const n = 200
	start := time.Now().Add(-time.Hour)
	for i := range n {
		u := ann
		u.GlobalName = "name " + strconv.Itoa(i)
		if err := srv.Dispatch(discordtest.Message(u, discordtest.DM, "hi").At(start.Add(time.Duration(i) * time.Millisecond))); err != nil {
			t.Fatal(err)
		}
	}
	r.next(t, n)
	if p := r.profile(t, ann); p.Name != "name "+strconv.Itoa(n-1) {
		t.Errorf("ended with %q", p.Name)
	}
}

func TestALateMessageDoesNotBringAnOldNameBack(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, nil)
	now := time.Now()
	old := ann
	old.GlobalName = "Old"
	srv.send(t, discordtest.Message(ann, discordtest.DM, "new").At(now))
	r.next(t, 1)
	srv.send(t, discordtest.Message(old, discordtest.DM, "old").At(now.Add(-time.Hour)))
	r.next(t, 1)
	if p := r.profile(t, ann); p.Name != "Ann" {
		t.Errorf("the name is %q", p.Name)
	}
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

// discordgo's TypingStart has no member at all.
func TestTypingTellsTheMemberThatDiscordgoLeavesOut(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, &discord.Options{Scope: discord.Everyone}, nil)
	srv.send(t, discordtest.TypingStart(ann, discordtest.Guild(guild)), discordtest.TypingStart(bob, discordtest.DM))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	r.nobody(t, bob)
}

// discordgo's state shares its members with the handlers and changes them when
// a presence comes. The race detector judges this test.
func TestMemberUpdatesDoNotRaceWithPresences(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, widest, func(s *discordgo.Session) { s.SyncEvents = false })
	srv.send(t, discordtest.GuildCreate(guild, ann))
	for i := range 50 {
		u := ann
		u.Username = "ann" + strconv.Itoa(i)
		full := map[string]any{"id": u.ID, "username": u.Username}
		for _, e := range []discordtest.Event{discordtest.MemberUpdate(u, guild), discordtest.Presence(u, guild).With("user", full)} {
			if err := srv.Dispatch(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.next(t, 101)
}

func TestAPartialPresenceBlanksNothing(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, widest, nil)
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.Presence(ann, guild))
	r.quiet(t)
	srv.send(t, discordtest.Presence(ann, guild).With("user", map[string]any{"id": ann.ID, "username": "anna"}))
	r.result(t, middleware.Updated, store.FieldUsername)
	if p := r.profile(t, ann); p.Name != "Ann" || p.Picture == "" || p.Username != "anna" {
		t.Errorf("kept %+v", p)
	}
}

func TestALeaveBlanksNothingAndTheNextEventMakesActiveAgain(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, &discord.Options{Scope: discord.Everyone}, nil)
	bare := ann
	bare.Avatar = ""
	srv.send(t, discordtest.MemberAdd(ann, guild))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.MemberRemove(bare, guild))
	r.result(t, middleware.Updated, store.FieldStatus)
	if p := r.profile(t, ann); p.Status != store.StatusLeft || p.Name != "Ann" || p.Picture == "" {
		t.Errorf("after the leave: %+v", p)
	}
	// An event that is late says what was true before, and must not be taken
	// for what is true now.
	srv.send(t, discordtest.Message(ann, discordtest.Guild("7"), "late").At(time.Now().Add(-time.Minute)))
	r.result(t, middleware.Unchanged)
	srv.send(t, discordtest.Message(ann, discordtest.Guild("7"), "still here").At(time.Now().Add(time.Minute)))
	r.result(t, middleware.Updated, store.FieldStatus)
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
	}
	r.nobody(t, ann)
	r.nobody(t, bob)
}

func TestADirectMessageGoesToShard0AndOneHandlerServesAll(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := newLoopback(t, nil)
	handle := discord.Handler(r.Middleware, widest)
	for id := range 2 {
		session := srv.Shard(id, 2)
		session.SyncEvents = true
		session.Identify.Intents = discordgo.IntentsAll
		session.AddHandler(handle)
		srv.open(t, session)
	}
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	// A change of one's name reaches every shard that has a guild with them.
	renamed := ann
	renamed.GlobalName = "Anna"
	even, odd := strconv.Itoa(4<<22), strconv.Itoa(5<<22)
	narrowed := func(e discordtest.Event) discordtest.Event { return e.Without("nick") }
	srv.send(t, narrowed(discordtest.MemberUpdate(renamed, even)))
	r.result(t, middleware.Updated, store.FieldName)
	srv.send(t, narrowed(discordtest.MemberUpdate(renamed, odd)))
	r.result(t, middleware.Unchanged)
}

// A shard manager's AddHandler takes any and returns nothing.
func TestHandlerSuitsAShardManager(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := newLoopback(t, nil)
	shards := []*discordgo.Session{srv.Shard(0, 2), srv.Shard(1, 2)}
	manager := interface{ AddHandler(any) }(managerOf(shards))
	manager.AddHandler(discord.Handler(r.Middleware, nil))
	for _, s := range shards {
		srv.open(t, s)
	}
	srv.send(t, discordtest.SlashCommand(ann, discordtest.Guild(strconv.Itoa(5<<22)), "ping"))
	r.result(t, middleware.Created, store.FieldLocale, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
}

type managerOf []*discordgo.Session

func (m managerOf) AddHandler(handler any) {
	for _, s := range m {
		s.AddHandler(handler)
	}
}

func TestTheBotsIDIsLearnedFromReadyAndSurvivesAResume(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, nil)
	srv.send(t, discordtest.Mention(ann, discordtest.Guild(guild), "hi"))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.Disconnect()
	srv.send(t, discordtest.Mention(bob, discordtest.Guild(guild), "while away"))
	r.result(t, middleware.Created, store.FieldName, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.Reply(ann, discordtest.Guild(guild), "hi"))
	r.result(t, middleware.Unchanged)
	srv.send(t, discordtest.Message(ann, discordtest.Guild(guild), "to somebody else"))
	r.dropped(t, middleware.ReasonUnaddressed)
}

func TestBeforeReadyOnlyDirectMessagesAndInteractionsAreAddressed(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	handle := discord.Handler(r.Middleware, nil)
	give := func(e discordtest.Event) {
		handle(&discordgo.Session{}, &discordgo.Event{Type: e.Type, RawData: e.Data})
	}
	give(discordtest.Mention(ann, discordtest.Guild(guild), "hi"))
	r.dropped(t, middleware.ReasonUnaddressed)
	give(discordtest.Reply(ann, discordtest.Guild(guild), "hi"))
	r.dropped(t, middleware.ReasonUnaddressed)
	give(discordtest.Reply(ann, discordtest.Guild(guild), "hi").With("referenced_message", nil))
	r.dropped(t, middleware.ReasonUnaddressed)
	give(discordtest.SlashCommand(ann, discordtest.Guild(guild), "ping"))
	if o := r.one(t); o.Result != middleware.Created {
		t.Errorf("%+v", o)
	}
	give(discordtest.Message(bob, discordtest.DM, "hi"))
	if o := r.one(t); o.Result != middleware.Created {
		t.Errorf("%+v", o)
	}
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
