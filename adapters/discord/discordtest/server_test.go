package discordtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
)

// discordgo's Close sleeps for a second. So the tests close in the background,
// sessions before their server, and the leak check comes after all of it.
var background sync.WaitGroup

type patient struct{ *testing.M }

func (m patient) Run() int {
	defer background.Wait()
	return m.M.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(patient{m}) }

var ann = discordtest.User{ID: "80351110224678912", Username: "ann", GlobalName: "Ann"}

// A loopback is a server and the sessions that a test opened on it.
type loopback struct {
	*discordtest.Server
	sessions []*discordgo.Session
}

func start(t *testing.T, o *discordtest.Options) *loopback {
	t.Helper()
	srv, err := discordtest.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &loopback{Server: srv}
	t.Cleanup(func() {
		background.Go(func() {
			var closing sync.WaitGroup
			for _, session := range l.sessions {
				closing.Go(func() { session.Close() })
			}
			closing.Wait()
			srv.Close()
		})
	})
	return l
}

func (l *loopback) open(t *testing.T, session *discordgo.Session) {
	t.Helper()
	if err := session.Open(); err != nil {
		t.Fatal(err)
	}
	settle(t, l) // see Sync: a session must not close before its first heartbeat
	l.sessions = append(l.sessions, session)
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func dispatch(t *testing.T, srv *loopback, events ...discordtest.Event) {
	t.Helper()
	for _, e := range events {
		if err := srv.Dispatch(e); err != nil {
			t.Fatal(err)
		}
	}
}

func settle(t *testing.T, srv *loopback) {
	t.Helper()
	if err := srv.Sync(within(t)); err != nil {
		t.Fatal(err)
	}
}

// heard gathers what the message handlers of sessions got.
type heard struct {
	mu    sync.Mutex
	texts []string
}

func (h *heard) on(session *discordgo.Session, prefix string) {
	session.SyncEvents = true
	session.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageCreate) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.texts = append(h.texts, prefix+m.Content)
	})
}

func (h *heard) want(t *testing.T, texts ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.texts) != len(texts) {
		t.Fatalf("heard %q, want %q", h.texts, texts)
	}
	for i := range texts {
		if h.texts[i] != texts[i] {
			t.Fatalf("heard %q, want %q", h.texts, texts)
		}
	}
}

func TestASessionHearsAndAnswers(t *testing.T) {
	t.Parallel()
	for name, compress := range map[string]bool{"text frames": false, "zlib frames": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, nil)
			session := srv.Session()
			session.Compress, session.SyncEvents = compress, true
			session.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) {
				if _, err := s.ChannelMessageSend(m.ChannelID, "hello "+m.Author.GlobalName); err != nil {
					t.Error(err)
				}
			})
			srv.open(t, session)
			dispatch(t, srv, discordtest.Message(ann, discordtest.DM, "hi"))
			settle(t, srv)
			sent := srv.Sent()
			if len(sent) != 1 || sent[0].Kind != discordtest.KindMessage || sent[0].Text != "hello Ann" ||
				sent[0].ChannelID != discordtest.DMChannel(ann.ID) {
				t.Fatalf("sent %+v", sent)
			}
		})
	}
}

func TestAWrongTokenIsRefusedWith4004(t *testing.T) {
	t.Parallel()
	srv := start(t, &discordtest.Options{Token: "Bot right"})
	session := srv.Session()
	session.Identify.Token = "Bot wrong"
	session.ShouldReconnectOnError = false
	err := session.Open()
	if e, ok := errors.AsType[*websocket.CloseError](err); !ok || e.Code != 4004 {
		t.Fatalf("Open: %v", err)
	}
	session.Token = "Bot wrong"
	if _, err := session.User("@me"); err == nil {
		t.Fatal("the API took a wrong token")
	}
}

func TestEventsGoToTheirShard(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	var h heard
	for id := range 2 {
		session := srv.Shard(id, 2)
		h.on(session, "shard "+strconv.Itoa(id)+": ")
		srv.open(t, session)
	}
	even, odd := strconv.Itoa(4<<22), strconv.Itoa(5<<22)
	for _, e := range []discordtest.Event{
		discordtest.Message(ann, discordtest.DM, "direct"),
		discordtest.Message(ann, discordtest.Guild(even), "even"),
		discordtest.Message(ann, discordtest.Guild(odd), "odd"),
	} {
		dispatch(t, srv, e)
		settle(t, srv)
	}
	h.want(t, "shard 0: direct", "shard 0: even", "shard 1: odd")
}

func TestNothingIsLostByAResume(t *testing.T) {
	t.Parallel()
	for name, interrupt := range map[string]func(*discordtest.Server){
		"cut":              (*discordtest.Server).Disconnect,
		"asked to (op 7)":  (*discordtest.Server).Reconnect,
		"twice, cut again": func(s *discordtest.Server) { s.Reconnect(); s.Disconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, nil)
			session := srv.Session()
			var h heard
			h.on(session, "")
			resumed := make(chan struct{}, 4)
			session.AddHandler(func(*discordgo.Session, *discordgo.Resumed) { resumed <- struct{}{} })
			srv.open(t, session)
			dispatch(t, srv, discordtest.Message(ann, discordtest.DM, "before"))
			settle(t, srv)
			interrupt(srv.Server)
			dispatch(t, srv, discordtest.Message(ann, discordtest.DM, "while away"))
			settle(t, srv)
			dispatch(t, srv, discordtest.Message(ann, discordtest.DM, "after"))
			settle(t, srv)
			h.want(t, "before", "while away", "after")
			select {
			case <-resumed:
			default:
				t.Fatal("the session did not resume")
			}
		})
	}
}

func TestAnInvalidSessionIdentifiesAgain(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	session := srv.Session()
	var h heard
	h.on(session, "")
	ready := make(chan struct{}, 2)
	session.AddHandler(func(*discordgo.Session, *discordgo.Ready) { ready <- struct{}{} })
	srv.open(t, session)
	<-ready
	srv.Invalidate()
	if err := srv.Dispatch(discordtest.Message(ann, discordtest.DM, "lost")); err != nil && !errors.Is(err, discordtest.ErrNoShard) {
		t.Fatal(err)
	}
	<-ready
	dispatch(t, srv, discordtest.Message(ann, discordtest.DM, "again"))
	settle(t, srv)
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.texts); n == 0 || h.texts[n-1] != "again" {
		t.Fatalf("heard %q", h.texts)
	}
}

func TestHeartbeatsAreAcknowledged(t *testing.T) {
	t.Parallel()
	// discordgo gives a connection up when five are not answered in time.
	srv := start(t, &discordtest.Options{Heartbeat: 10 * time.Second})
	session := srv.Session()
	session.ShouldReconnectOnError = false // a heartbeat during Close would have it reconnect
	srv.open(t, session)
	since, ctx := time.Now().UTC(), within(t)
	for {
		session.RLock()
		acked := session.LastHeartbeatAck
		session.RUnlock()
		if acked.After(since) {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("no heartbeat was acknowledged")
		}
	}
}

func TestAnInteractionIsAnsweredOnceAndThenFollowed(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	session := srv.Session()
	session.SyncEvents = true
	followup := func(s *discordgo.Session, i *discordgo.InteractionCreate) error {
		_, err := s.FollowupMessageCreate(i.Interaction, true, &discordgo.WebhookParams{Content: "more"})
		return err
	}
	respond := func(s *discordgo.Session, i *discordgo.InteractionCreate) error {
		return s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{
			Type: discordgo.InteractionResponseChannelMessageWithSource,
			Data: &discordgo.InteractionResponseData{Content: "pong"},
		})
	}
	code := func(err error) int {
		if e, ok := errors.AsType[*discordgo.RESTError](err); ok {
			return e.Message.Code
		}
		return 0
	}
	session.AddHandler(func(s *discordgo.Session, i *discordgo.InteractionCreate) {
		if err := followup(s, i); code(err) != 10015 {
			t.Errorf("a followup before the response: %v", err)
		}
		if err := respond(s, i); err != nil {
			t.Error(err)
		}
		if err := respond(s, i); code(err) != 40060 {
			t.Errorf("a second response: %v", err)
		}
		if err := followup(s, i); err != nil {
			t.Error(err)
		}
	})
	srv.open(t, session)
	dispatch(t, srv, discordtest.SlashCommand(ann, discordtest.DM, "ping"))
	settle(t, srv)
	sent, err := srv.WaitSent(within(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	if sent[0].Kind != discordtest.KindResponse || sent[0].Text != "pong" || sent[1].Kind != discordtest.KindFollowup || sent[1].Text != "more" {
		t.Fatalf("sent %+v", sent)
	}
}

func TestEchoBringsTheBotsOwnMessageBack(t *testing.T) {
	t.Parallel()
	srv := start(t, &discordtest.Options{Echo: true})
	session := srv.Session()
	var h heard
	h.on(session, "")
	srv.open(t, session)
	if _, err := session.ChannelMessageSend("5", "mine"); err != nil {
		t.Fatal(err)
	}
	settle(t, srv)
	h.want(t, "mine")
}

func TestFilesAndCommandsAreTaken(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	session := srv.Session()
	if _, err := session.ChannelFileSendWithMessage("5", "a file", "a.txt", bytes.NewReader([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if sent := srv.Sent(); len(sent) != 1 || sent[0].Text != "a file" {
		t.Fatalf("sent %+v", sent)
	}
	command, err := session.ApplicationCommandCreate(discordtest.AppID, "", &discordgo.ApplicationCommand{Name: "ping"})
	if err != nil || command.Name != "ping" || command.ID == "" {
		t.Fatalf("%+v, %v", command, err)
	}
	commands, err := session.ApplicationCommandBulkOverwrite(discordtest.AppID, "7", []*discordgo.ApplicationCommand{{Name: "a"}, {Name: "b"}})
	if err != nil || len(commands) != 2 {
		t.Fatalf("%+v, %v", commands, err)
	}
	if gateway, err := session.GatewayBot(); err != nil || gateway.URL == "" {
		t.Fatalf("%+v, %v", gateway, err)
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	_, err := srv.Session().Guild("7")
	if e, ok := errors.AsType[*discordgo.RESTError](err); !ok || e.Response.StatusCode != http.StatusNotFound {
		t.Fatal(err)
	}
}

func TestDispatchNeedsASessionAndAnObject(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	if err := srv.Dispatch(discordtest.Message(ann, discordtest.DM, "hi")); !errors.Is(err, discordtest.ErrNoShard) {
		t.Fatalf("no session: %v", err)
	}
	if err := srv.Dispatch(discordtest.Event{Type: "MESSAGE_CREATE", Data: json.RawMessage(`[`)}); err == nil || errors.Is(err, discordtest.ErrNoShard) {
		t.Fatalf("broken data: %v", err)
	}
}

func TestIdsAreOrderedByTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	e := discordtest.Message(ann, discordtest.DM, "hi")
	var first, second discordgo.Message
	if err := errors.Join(json.Unmarshal(e.At(at).Data, &first), json.Unmarshal(e.At(at).Data, &second)); err != nil {
		t.Fatal(err)
	}
	if got, err := discordgo.SnowflakeTimestamp(first.ID); err != nil || !got.Equal(at) {
		t.Fatalf("the id is of %v, %v", got, err)
	}
	if first.ID == second.ID || !first.Timestamp.Equal(at) {
		t.Fatalf("%s at %v and %s", first.ID, first.Timestamp, second.ID)
	}
	if len(first.ID) != len(discordtest.Snowflake(at)) || first.ID < discordtest.Snowflake(at) {
		t.Fatalf("%s is before %s", first.ID, discordtest.Snowflake(at))
	}
}
