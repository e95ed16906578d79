package discordtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"
)

// What is the same for every Server.
const (
	Token = "Bot discordtest.token.secret" // the default of Options.Token
	BotID = "1000000000000000001"          // the bot's own user
	AppID = "1000000000000000002"          // its application
)

// ErrNoShard is what [Server.Dispatch] returns where no session of the event's
// shard has identified yet: Discord, too, keeps nothing for it.
var ErrNoShard = errors.New("discordtest: no session for the event's shard")

// Options are the settings of a Server. The zero value and nil are ready to use.
type Options struct {
	// Token is the only one that the gateway and the API accept, with its
	// "Bot " prefix. "": the constant Token.
	Token string
	// Heartbeat is the interval that the gateway asks for. 0: 41.25 s, as
	// Discord does.
	Heartbeat time.Duration
	// Echo sends the bot's own messages back to it as MESSAGE_CREATE, as
	// Discord does.
	Echo bool
}

// A Server is a loopback Discord. Its methods may be called from many goroutines
// at once. Make one with [NewServer].
type Server struct {
	token     string
	heartbeat time.Duration
	echo      bool

	listener  net.Listener
	http      http.Server
	upgrader  websocket.Upgrader
	transport *http.Transport
	wg        sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	conns    map[*conn]bool
	sessions map[string]*gatewaySession // by session id
	shards   map[int]*gatewaySession    // the latest of each shard
	count    int                        // of shards, as the last identify said
	syncs    map[string]chan<- struct{}
	serial   uint64 // of session ids and syncs

	sent         []Sent
	news         chan struct{} // closed and replaced when sent grows
	interactions map[string]*interaction
	guilds       map[string]string // the guild of a channel, "" for a direct one
}

// NewServer starts a Server on a free port of 127.0.0.1. o may be nil. The
// error is that of the listener.
func NewServer(o *Options) (*Server, error) {
	if o == nil {
		o = &Options{}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("discordtest: %w", err)
	}
	s := &Server{
		token:        o.Token,
		heartbeat:    o.Heartbeat,
		echo:         o.Echo,
		listener:     l,
		transport:    &http.Transport{},
		conns:        make(map[*conn]bool),
		sessions:     make(map[string]*gatewaySession),
		shards:       make(map[int]*gatewaySession),
		count:        1,
		syncs:        make(map[string]chan<- struct{}),
		news:         make(chan struct{}),
		interactions: make(map[string]*interaction),
		guilds:       make(map[string]string),
	}
	if s.token == "" {
		s.token = Token
	}
	if s.heartbeat == 0 {
		s.heartbeat = 41250 * time.Millisecond
	}
	s.http.Handler = s.routes()
	s.wg.Go(func() { s.http.Serve(l) })
	return s, nil
}

// Close ends all connections and waits for the server's goroutines. Close the
// sessions first: one that is open tries to reconnect, for ever.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.ws.Close()
	}
	s.mu.Unlock()
	err := s.http.Close()
	s.wg.Wait()
	s.transport.CloseIdleConnections()
	return err
}

// Session returns a session of the server's bot, not opened yet, that talks to
// the server.
func (s *Server) Session() *discordgo.Session { return s.Shard(0, 1) }

// Shard returns the session of one shard out of count.
func (s *Server) Shard(id, count int) *discordgo.Session {
	session, err := discordgo.New(s.token)
	if err != nil {
		panic("discordtest: discordgo.New: " + err.Error()) // it has no way to fail
	}
	session.ShardID, session.ShardCount = id, count
	s.Attach(session)
	return session
}

// Attach points a session at the server, before it opens. It replaces the
// session's Client and adds a handler, by which [Server.Sync] works. The
// session's token must be the server's.
func (s *Server) Attach(session *discordgo.Session) {
	session.Client = &http.Client{Timeout: 20 * time.Second, Transport: redirect{s}}
	session.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) {
		if e.Type == syncEvent {
			s.synced(e.RawData)
		}
	})
}

// redirect sends what is meant for Discord to the server.
type redirect struct{ s *Server }

// RoundTrip implements http.RoundTripper.
func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host, req.Host = "http", r.s.listener.Addr().String(), ""
	return r.s.transport.RoundTrip(req)
}

// Dispatch sends an event to the session of its shard. It returns when it was
// written to the connection, or kept to be replayed while the session is away;
// an event for which the session has not the intent is not sent at all. The error is ErrNoShard, or says that the event is no JSON object.
func (s *Server) Dispatch(e Event) error {
	var d map[string]any
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("discordtest: dispatch %s: the data is no JSON object: %w", e.Type, err)
	}
	text := func(key string) string { s, _ := d[key].(string); return s }
	guild := text("guild_id")
	if e.Type == "GUILD_CREATE" || e.Type == "GUILD_UPDATE" || e.Type == "GUILD_DELETE" {
		guild = text("id")
	}
	s.mu.Lock()
	if token := text("token"); e.Type == "INTERACTION_CREATE" && token != "" {
		s.interactions[token] = &interaction{id: text("id")}
	}
	if channel := text("channel_id"); channel != "" {
		s.guilds[channel] = guild
	}
	shard := s.shards[s.shardOf(guild)]
	s.mu.Unlock()
	if shard == nil {
		return ErrNoShard
	}
	if want := intent(e.Type, guild != ""); shard.intents&want != want {
		return nil
	}
	shard.dispatch(e)
	return nil
}

// shardOf is Discord's formula.
// https://discord.com/developers/docs/events/gateway#sharding
func (s *Server) shardOf(guildID string) int {
	id, err := strconv.ParseUint(guildID, 10, 64)
	if err != nil {
		return 0
	}
	return int(id >> 22 % uint64(s.count))
}

// syncEvent is an event that Discord does not have, and that discordgo hands to
// handlers of *discordgo.Event alone.
const syncEvent = "DISCORDTEST_SYNC"

// Sync returns when every shard's session has handed on all that was
// dispatched before. With Session.SyncEvents the bot's handlers have then
// returned; without, each was started on a goroutine of its own. Where no
// session has identified there is nothing to wait for. The error is that of ctx.
//
// Sync also waits for each connection's first heartbeat. A session that is closed
// before that takes the failed heartbeat for a broken connection, and opens
// again (discordgo v0.29.0): call Sync before Session.Close.
func (s *Server) Sync(ctx context.Context) error {
	s.mu.Lock()
	waits := make(map[*gatewaySession]string, len(s.shards))
	done := make(chan struct{}, len(s.shards))
	for _, shard := range s.shards {
		s.serial++
		nonce := strconv.FormatUint(s.serial, 10)
		s.syncs[nonce], waits[shard] = done, nonce
	}
	s.mu.Unlock()
	for shard, nonce := range waits {
		shard.dispatch(Event{Type: syncEvent, Data: mustMarshal(map[string]string{"nonce": nonce})})
	}
	for range waits {
		if err := await(ctx, done); err != nil {
			return err
		}
	}
	for shard := range waits {
		if beat := shard.settled(); beat != nil {
			if err := await(ctx, beat); err != nil {
				return err
			}
		}
	}
	return nil
}

func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("discordtest: sync: %w", context.Cause(ctx))
	}
}

func (s *Server) synced(data []byte) {
	var d struct {
		Nonce string `json:"nonce"`
	}
	if json.Unmarshal(data, &d) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, ok := s.syncs[d.Nonce]; ok {
		delete(s.syncs, d.Nonce)
		done <- struct{}{} // has room for each shard
	}
}

// Disconnect cuts every connection, as a network does, without a close frame.
// The sessions reconnect and resume.
func (s *Server) Disconnect() {
	for _, c := range s.connected() {
		c.ws.NetConn().Close()
	}
}

// Reconnect asks every session to reconnect and resume (op 7).
func (s *Server) Reconnect() {
	for _, c := range s.connected() {
		c.write(payload{Op: opReconnect})
	}
}

// Invalidate ends every session (op 9): each has to identify again, and what
// it missed is lost.
func (s *Server) Invalidate() {
	s.mu.Lock()
	clear(s.sessions)
	clear(s.shards)
	s.mu.Unlock()
	for _, c := range s.connected() {
		c.write(payload{Op: opInvalidSession, D: json.RawMessage("false")})
	}
}

func (s *Server) connected() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	slices.SortFunc(conns, func(a, b *conn) int { return int(a.serial) - int(b.serial) })
	return conns
}
