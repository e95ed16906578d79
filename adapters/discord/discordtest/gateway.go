package discordtest

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"
)

// The gateway's opcodes and close codes.
// https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway
const (
	opDispatch       = 0
	opHeartbeat      = 1
	opIdentify       = 2
	opResume         = 6
	opReconnect      = 7
	opInvalidSession = 9
	opHello          = 10
	opHeartbeatACK   = 11

	closeDecodeError      = 4002
	closeNotAuthenticated = 4003
	closeBadToken         = 4004
	closeAlready          = 4005
	closeBadShard         = 4010
)

// A payload is one frame of the gateway.
// https://discord.com/developers/docs/events/gateway-events#payload-structure
type payload struct {
	Op int             `json:"op"`
	D  json.RawMessage `json:"d"`
	S  int64           `json:"s,omitempty"`
	T  string          `json:"t,omitempty"`
}

// writeWait is how long a frame may wait for a session that does not read.
const writeWait = 10 * time.Second

// A conn is one socket of a session.
type conn struct {
	serial   uint64
	ws       *websocket.Conn
	compress bool          // set before anybody else can write
	beats    bool          // the reader's: a heartbeat came
	beat     chan struct{} // closed by the first heartbeat, or the end

	mu sync.Mutex // one frame at a time
}

// heartbeat notes the first heartbeat, or that there will be none.
func (c *conn) heartbeat() {
	if !c.beats {
		c.beats = true
		close(c.beat)
	}
}

// write sends one frame. An error is the connection's end: the session resumes
// on another.
func (c *conn) write(p payload) {
	frame, err := json.Marshal(p)
	if err != nil {
		return
	}
	kind := websocket.TextMessage
	if c.compress {
		kind, frame = websocket.BinaryMessage, compress(frame)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ws.SetWriteDeadline(time.Now().Add(writeWait))
	if err := c.ws.WriteMessage(kind, frame); err != nil {
		c.ws.Close()
	}
}

func compress(frame []byte) []byte {
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	w.Write(frame)
	w.Close()
	return buf.Bytes()
}

func (c *conn) close(code int, text string) {
	c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(writeWait))
	c.ws.Close()
}

// maxReplay is how many events a session keeps for a resume.
const maxReplay = 10_000

// A gatewaySession is what a session id stands for. It outlives its connection.
type gatewaySession struct {
	id      string
	intents discordgo.Intent

	mu   sync.Mutex
	conn *conn // nil while away
	seq  int64
	log  []payload // the last events, for a resume
}

// dispatch numbers an event and sends it, or keeps it while the session is
// away. Its lock keeps the events in order on the wire.
func (g *gatewaySession) dispatch(e Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.send(e)
}

func (g *gatewaySession) send(e Event) {
	g.seq++
	p := payload{Op: opDispatch, T: e.Type, S: g.seq, D: e.Data}
	if len(g.log) == maxReplay {
		g.log = append(g.log[:0], g.log[maxReplay/2:]...)
	}
	g.log = append(g.log, p)
	if g.conn != nil {
		g.conn.write(p)
	}
}

// resume puts the session on a new connection and sends it what it missed. It
// reports whether all of that was still there.
func (g *gatewaySession) resume(c *conn, seq int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if seq > g.seq || g.seq-seq > int64(len(g.log)) {
		return false
	}
	for _, missed := range g.log[int64(len(g.log))-(g.seq-seq):] {
		c.write(missed)
	}
	g.conn = c
	g.send(Event{Type: "RESUMED", Data: json.RawMessage(`{}`)})
	return true
}

// settled returns a channel that is closed once the session's connection has
// had a heartbeat, or has ended; nil while the session is away.
func (g *gatewaySession) settled() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn == nil {
		return nil
	}
	return g.conn.beat
}

// leave takes the connection off, where it is still the session's.
func (g *gatewaySession) leave(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn == c {
		g.conn = nil
	}
}

func (s *Server) gateway(w http.ResponseWriter, r *http.Request) {
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &conn{ws: ws, beat: make(chan struct{})}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		ws.Close()
		return
	}
	s.serial++
	c.serial = s.serial
	s.conns[c] = true
	s.wg.Add(1)
	s.mu.Unlock()
	defer func() {
		ws.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		s.wg.Done()
	}()
	c.write(payload{Op: opHello, D: mustMarshal(map[string]any{"heartbeat_interval": s.heartbeat.Milliseconds()})})
	s.serve(c)
}

// serve reads one connection to its end.
func (s *Server) serve(c *conn) {
	var g *gatewaySession
	defer func() {
		if g != nil {
			g.leave(c)
		}
		c.heartbeat()
	}()
	for {
		_, frame, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		var p payload
		if json.Unmarshal(frame, &p) != nil {
			c.close(closeDecodeError, "Error while decoding payload.")
			return
		}
		switch p.Op {
		case opHeartbeat:
			c.write(payload{Op: opHeartbeatACK})
			c.heartbeat()
		case opIdentify:
			if g != nil && s.knows(g) {
				c.close(closeAlready, "Already authenticated.")
				return
			}
			if g = s.identify(c, p.D); g == nil {
				return
			}
		case opResume:
			var token bool
			if g, token = s.resume(c, p.D); !token {
				c.close(closeBadToken, "Authentication failed.")
				return
			}
		default:
			if g == nil {
				c.close(closeNotAuthenticated, "Not authenticated.")
				return
			}
		}
	}
}

func (s *Server) knows(g *gatewaySession) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[g.id] == g
}

// identify starts a session, nil where the gateway refuses it.
// https://discord.com/developers/docs/events/gateway-events#identify
func (s *Server) identify(c *conn, data json.RawMessage) *gatewaySession {
	var d struct {
		Token    string           `json:"token"`
		Compress bool             `json:"compress"`
		Shard    *[2]int          `json:"shard"`
		Intents  discordgo.Intent `json:"intents"`
	}
	if json.Unmarshal(data, &d) != nil {
		c.close(closeDecodeError, "Error while decoding payload.")
		return nil
	}
	if d.Token != s.token {
		c.close(closeBadToken, "Authentication failed.")
		return nil
	}
	shard := [2]int{0, 1}
	if d.Shard != nil {
		shard = *d.Shard
	}
	if shard[0] < 0 || shard[0] >= shard[1] {
		c.close(closeBadShard, "Invalid shard.")
		return nil
	}
	c.compress = d.Compress
	g := &gatewaySession{intents: d.Intents, conn: c}
	g.mu.Lock() // READY comes before what anybody dispatches
	defer g.mu.Unlock()
	s.mu.Lock()
	s.serial++
	g.id = "session" + strconv.FormatUint(s.serial, 10)
	s.sessions[g.id], s.shards[shard[0]], s.count = g, g, shard[1]
	s.mu.Unlock()
	g.send(s.ready(g, shard))
	return g
}

// https://discord.com/developers/docs/events/gateway-events#ready
func (s *Server) ready(g *gatewaySession, shard [2]int) Event {
	return Event{Type: "READY", Data: mustMarshal(map[string]any{
		"v":                  9,
		"user":               botUser(),
		"guilds":             []any{},
		"session_id":         g.id,
		"resume_gateway_url": s.gatewayURL(),
		"shard":              shard,
		"application":        map[string]any{"id": AppID, "flags": 0},
	})}
}

// resume goes on with a session, nil where it is gone; then the client has to
// identify. It reports whether the token was right.
// https://discord.com/developers/docs/events/gateway-events#resume
func (s *Server) resume(c *conn, data json.RawMessage) (g *gatewaySession, token bool) {
	var d struct {
		Token     string `json:"token"`
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
	}
	if json.Unmarshal(data, &d) != nil || d.Token != s.token {
		return nil, false
	}
	s.mu.Lock()
	g = s.sessions[d.SessionID]
	s.mu.Unlock()
	if g != nil && g.resume(c, d.Seq) {
		return g, true
	}
	c.write(payload{Op: opInvalidSession, D: json.RawMessage("false")})
	return nil, true
}

func mustMarshal(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic("discordtest: " + err.Error()) // only maps and strings of our own come here
	}
	return data
}
