package prove_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bwmarrin/discordgo"
	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/internal/prove/disk"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// named states a canary in every field that an event can.
func named(id, round int) *middleware.Sender {
	s := observed(id, round)
	s.At = time.Now()
	name := fmt.Sprintf("%s %d", canary, round)
	for _, f := range []store.Field{
		store.FieldGivenName, store.FieldFamilyName, store.FieldNickname, store.FieldBio, store.NickField("7"),
		store.FieldStartPayload, store.CustomKey("tier"), store.FieldEmail, store.FieldPicture,
	} {
		s.Set(f, name)
	}
	s.Set(store.FieldUsername, fmt.Sprintf("%s_%d", canary, id))
	return s
}

// All four backends before services that tell on us, for a day, with people who rename
// themselves and are forgotten, dead letters that are replayed, and restarts.
func TestBackendsTellNoSecret(t *testing.T) {
	t.Attr("promise", "no secret and no name in a log, error, trace, hook's error or dead letter")
	people, rounds := size(10, 30, 100), size(3, 12, 200)
	texts, letters := 0, 0
	synctest.Test(t, func(t *testing.T) {
		s := newSystems(t, func(h http.Handler, honest func() bool) http.RoundTripper { return liar{service: h, honest: honest} })
		c := newConfidant(s.secrets...)
		st := memstore.New()
		var mw *middleware.Middleware
		begin := func() {
			var err error
			if mw, err = middleware.New(st, c.options(s.backends...)); err != nil {
				t.Fatal(err)
			}
		}
		begin()
		for round := range rounds {
			for id := range people {
				mw.Observe(named(id, round))
			}
			time.Sleep(2 * time.Hour)
			letters += c.readStandings(t, st)
			key := store.Key{Channel: "telegram", UserID: fmt.Sprint(1 + round%people)}
			c.hear(mw.Set(t.Context(), key, store.Declared, store.Profile{Email: canary, PhoneNumber: canary, Locale: canary, Birthdate: canary}))
			c.hear(mw.Set(t.Context(), store.Key{Channel: "telegram", UserID: "\x00"}, store.Pinned, store.Profile{Name: canary}))
			c.hear(mw.Set(t.Context(), key, store.Pinned, store.Profile{Picture: "https://api.telegram.org/file/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0/" + canary}))
			c.hear(mw.Forget(t.Context(), key))
			c.hear(mw.Readmit(t.Context(), key))
			for _, b := range s.backends {
				_, err := mw.Replay(t.Context(), b.Name(), store.Key{})
				c.hear(err)
			}
			if round%4 == 3 {
				c.hear(mw.Close(t.Context()))
				begin()
			}
		}
		s.tellTheTruth()
		for id := range people {
			mw.Observe(named(id, rounds))
		}
		time.Sleep(time.Hour)
		for _, b := range s.backends {
			_, err := mw.Replay(t.Context(), b.Name(), store.Key{})
			c.hear(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 48*time.Hour)
		defer cancel()
		if err := mw.Drain(ctx); err != nil {
			t.Error(err)
		}
		c.hear(mw.Close(ctx))
		c.readStandings(t, st)
		for name, n := range map[string]int{"monosay": len(s.monosay.Users()), "genauth": len(s.genauth.Accounts()), "visitors": len(s.chat.Visitors()), "webhook": len(s.hook.People())} {
			if n < people {
				t.Errorf("%s has %d people in the end, want %d", name, n, people)
			}
		}
		if !strings.Contains(fmt.Sprint(s.monosay.Users(), s.genauth.Accounts(), s.chat.Users()), canary) {
			t.Error("no canary ever left: this test sees nothing")
		}
		texts = c.toldNothing(t)
		if c.traced < people*rounds {
			t.Errorf("only %d steps were traced", c.traced)
		}
	})
	if texts < people*rounds || letters == 0 {
		t.Errorf("only %d texts were looked at, and %d dead letters", texts, letters)
	}
	t.Attr("figure", fmt.Sprintf("0 in %d texts of 4 backends, %d dead letters", texts, letters))
}

// A store whose own errors go to logs, hooks and callers: SQLite on a disk that is full or
// fails, and then is not.
func TestFailingDiskTellsNoSecret(t *testing.T) {
	t.Attr("promise", "nor by SQLite on a disk that fails")
	dir := t.TempDir()
	d, err := disk.Attach(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := newConfidant()
	st := openFile(t, filepath.Join(dir, "users.db"))
	mw, err := middleware.New(st, c.options(&crm{name: "crm", every: 3}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	everybody := func(round int) {
		for id := range size(100, 100, 300) {
			s := named(id, round)
			s.Set(store.FieldBio, strings.Repeat(canary, 100)+fmt.Sprint(round))
			mw.Observe(s)
		}
	}
	refused := 0
	ask := func(err error) {
		if errors.Is(err, store.ErrUnavailable) {
			refused++
		}
		c.hear(err)
	}
	for round, trouble := range diskTroubles {
		everybody(2 * round)
		ask(mw.Flush(ctx))
		before := mw.Stats().Failed
		trouble.begin(d)
		everybody(2*round + 1)
		for mw.Stats().Failed == before && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		for id := range 5 { // what is left of the disk may hold a few
			key := store.Key{Channel: "telegram", UserID: fmt.Sprint(id + 1)}
			ask(mw.Set(ctx, key, store.Declared, store.Profile{Email: canary + "@example.org", Bio: strings.Repeat(canary, 100)}))
			ask(mw.Forget(ctx, key))
			ask(mw.Readmit(ctx, key))
			_, err := mw.Replay(ctx, "crm", key)
			ask(err)
		}
		soon, stop := context.WithTimeout(ctx, 20*time.Millisecond)
		ask(mw.Flush(soon))
		stop()
		ask(st.Backup(ctx, filepath.Join(dir, trouble.name)))
		trouble.end(d)
		c.readStandings(t, st)
	}
	if err := errors.Join(mw.Flush(ctx), mw.Close(ctx), st.Close(), d.Detach()); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"database or disk is full", "disk I/O error"} {
		if !c.heard(want) {
			t.Errorf("nobody was told of %q: this test sees nothing", want)
		}
	}
	texts := c.toldNothing(t)
	t.Attr("figure", fmt.Sprintf("0 in %d texts, %d calls refused", texts, refused))
}

// A tattler answers whoever posts something with all that it was told, or fails with it.
type tattler struct{ http.RoundTripper }

func (l tattler) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return l.RoundTripper.RoundTrip(r)
	}
	said := fmt.Sprint(r.URL, " ", r.Header)
	if rand.N(2) == 0 {
		return nil, fmt.Errorf("dial %s: no route", said)
	}
	w := httptest.NewRecorder()
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, `{"code":50013,"message":%q}`, said)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// Both adapters, with a store in all kinds of trouble and platforms that refuse
// every answer.
func TestAdaptersTellNoSecret(t *testing.T) {
	t.Attr("promise", "nor by an adapter, a bot's token included")
	const token = "110201543:AA" + canary + "DqTcvCH1vGWJxfSeofSAs0K5PALDs"
	c := newConfidant()
	st := newTroubledStore()
	mw, err := middleware.New(st, c.options())
	if err != nil {
		t.Fatal(err)
	}
	tg, err := telegramtest.NewServer(&telegramtest.Options{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	bot, err := tele.NewBot(tele.Settings{URL: tg.URL(), Token: token, Synchronous: true, Poller: &tele.LongPoller{Timeout: 10 * time.Second}, OnError: func(error, tele.Context) {}})
	if err != nil {
		t.Fatal(err)
	}
	telegram.Attach(bot, mw, &telegram.Options{Scope: telegram.Everyone})
	bot.Handle(tele.OnText, func(tc tele.Context) error {
		_, err := telegram.Profile(tc)
		c.hear(err)
		return nil
	})
	polled := make(chan struct{})
	go func() { bot.Start(); close(polled) }()

	dc, err := discordtest.NewServer(&discordtest.Options{Token: "Bot " + canary + ".token"})
	if err != nil {
		t.Fatal(err)
	}
	session := dc.Session()
	session.Client.Transport = tattler{session.Client.Transport}
	session.Identify.Intents = discordgo.IntentsAll
	session.AddHandler(discord.Handler(mw, &discord.Options{Scope: discord.Everyone, Nicks: true}))
	if err := session.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for round := range size(6, 15, 300) {
		st.is([]trouble{healthy, refusing, garbage, panicking, slow}[round%5])
		name := fmt.Sprint(canary, " ", round)
		u := telegramtest.User{ID: int64(1 + round), FirstName: name, LastName: name, Username: name}
		tg.Fail("sendMessage", telegramtest.Error{Code: 403, Description: "Forbidden: " + token}, telegramtest.Error{Code: 502})
		if err := tg.Push(telegramtest.Message(u, telegramtest.Private(u), name), telegramtest.Start(u, name)); err != nil {
			t.Fatal(err)
		}
		if err := tg.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		d := discordtest.User{ID: fmt.Sprint(80351110224678900 + round), Username: name, GlobalName: name, Nick: name}
		for _, e := range []discordtest.Event{
			discordtest.Message(d, discordtest.DM, name), discordtest.SlashCommand(d, discordtest.Guild(guild), "x"),
			discordtest.Mention(d, discordtest.Guild(guild), name),
		} {
			if err := dc.Dispatch(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := dc.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	st.is(healthy)
	c.hear(mw.Flush(ctx))
	tg.Close() // telebot forgets to end a poll that begins during Stop
	bot.Stop()
	<-polled
	background.Go(func() { session.Close(); dc.Close() })
	if err := mw.Close(ctx); err != nil {
		t.Error(err)
	}
	kept := 0
	for p := range st.List(ctx, store.Filter{Search: canary}) {
		if p.Channel != "" {
			kept++
		}
	}
	texts := c.toldNothing(t)
	if kept < 10 || texts < 20 {
		t.Errorf("%d people are kept, and %d texts were looked at", kept, texts)
	}
	t.Attr("figure", fmt.Sprintf("0 in %d texts of 2 adapters, %d people", texts, kept))
}
