package discordtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"
)

// A Kind is what a bot sent.
type Kind string

// The kinds.
const (
	KindMessage  Kind = "message"  // to a channel
	KindResponse Kind = "response" // the first answer to an interaction
	KindEdit     Kind = "edit"     // of the first answer, such as after a deferred one
	KindFollowup Kind = "followup" // a later answer to an interaction
)

// Sent is one thing that the bot sent.
type Sent struct {
	Kind          Kind
	ChannelID     string // of a message
	InteractionID string // of an answer
	Text          string // the content, "" where there is none
	Body          json.RawMessage
}

// Sent returns what the bot has sent so far, oldest first.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// WaitSent returns what the bot has sent as soon as that is n things, or an
// error when ctx ends before.
func (s *Server) WaitSent(ctx context.Context, n int) ([]Sent, error) {
	for {
		s.mu.Lock()
		sent, news := slices.Clone(s.sent), s.news
		s.mu.Unlock()
		if len(sent) >= n {
			return sent, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return sent, fmt.Errorf("discordtest: %d of %d things were sent: %w", len(sent), n, context.Cause(ctx))
		}
	}
}

// An interaction is one that was dispatched, under its token.
type interaction struct {
	id        string
	responded bool
}

// apiPath is where every version of the API begins.
// https://discord.com/developers/docs/reference#api-versioning
const apiPath = "/api/{version}"

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/", s.gateway)
	bot := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != s.token {
				refuse(w, http.StatusUnauthorized, 0, "401: Unauthorized")
				return
			}
			h(w, r)
		})
	}
	bot("GET "+apiPath+"/gateway", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"url": s.gatewayURL()})
	})
	bot("GET "+apiPath+"/gateway/bot", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"url":    s.gatewayURL(),
			"shards": 1,
			"session_start_limit": map[string]any{
				"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1,
			},
		})
	})
	bot("GET "+apiPath+"/users/@me", func(w http.ResponseWriter, _ *http.Request) { answer(w, botUser()) })
	bot("POST "+apiPath+"/channels/{channel}/messages", s.postMessage)
	bot("POST "+apiPath+"/channels/{channel}/typing", noContent)
	for _, commands := range []string{"/applications/{app}/commands", "/applications/{app}/guilds/{guild}/commands"} {
		bot("POST "+apiPath+commands, s.postCommand)
		bot("PUT "+apiPath+commands, s.putCommands)
		bot("DELETE "+apiPath+commands+"/{command}", noContent)
	}
	// These are authorized by the interaction's token.
	mux.HandleFunc("POST "+apiPath+"/interactions/{id}/{token}/callback", s.postResponse)
	mux.HandleFunc("POST "+apiPath+"/webhooks/{app}/{token}", s.answerInteraction(KindFollowup))
	mux.HandleFunc("PATCH "+apiPath+"/webhooks/{app}/{token}/messages/@original", s.answerInteraction(KindEdit))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, 0, "404: Not Found")
	})
	return mux
}

func (s *Server) gatewayURL() string { return "ws://" + s.listener.Addr().String() + "/ws" }

// https://discord.com/developers/docs/resources/message#create-message
func (s *Server) postMessage(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	channel, text := r.PathValue("channel"), content(body)
	s.record(Sent{Kind: KindMessage, ChannelID: channel, Text: text, Body: body})
	s.mu.Lock()
	guild := s.guilds[channel]
	s.mu.Unlock()
	e := Message(self(), Place{ChannelID: channel, GuildID: guild}, text)
	if s.echo {
		s.Dispatch(e)
	}
	answer(w, e.Data)
}

// https://discord.com/developers/docs/interactions/receiving-and-responding#create-interaction-response
func (s *Server) postResponse(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	i := s.interactions[r.PathValue("token")]
	known := i != nil && i.id == r.PathValue("id")
	again := known && i.responded
	if known {
		i.responded = true
	}
	s.mu.Unlock()
	switch {
	case !known:
		refuse(w, http.StatusNotFound, 10062, "Unknown interaction")
	case again:
		refuse(w, http.StatusBadRequest, 40060, "Interaction has already been acknowledged.")
	default:
		var d struct {
			Data json.RawMessage `json:"data"`
		}
		json.Unmarshal(body, &d)
		s.record(Sent{Kind: KindResponse, InteractionID: i.id, Text: content(d.Data), Body: body})
		w.WriteHeader(http.StatusNoContent)
	}
}

// answerInteraction takes what may come only after the first response.
// https://discord.com/developers/docs/interactions/receiving-and-responding#create-followup-message
func (s *Server) answerInteraction(kind Kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := readBody(w, r)
		if !ok {
			return
		}
		s.mu.Lock()
		i := s.interactions[r.PathValue("token")]
		responded := i != nil && i.responded
		s.mu.Unlock()
		if !responded {
			refuse(w, http.StatusNotFound, 10015, "Unknown Webhook")
			return
		}
		text := content(body)
		s.record(Sent{Kind: kind, InteractionID: i.id, Text: text, Body: body})
		answer(w, Message(self(), Place{ChannelID: i.id}, text).Data)
	}
}

// https://discord.com/developers/docs/interactions/application-commands#create-global-application-command
func (s *Server) postCommand(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var command map[string]any
	if json.Unmarshal(body, &command) != nil {
		refuse(w, http.StatusBadRequest, 50035, "Invalid Form Body")
		return
	}
	answer(w, registered(command, r))
}

func (s *Server) putCommands(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	commands := []map[string]any{}
	if json.Unmarshal(body, &commands) != nil {
		refuse(w, http.StatusBadRequest, 50035, "Invalid Form Body")
		return
	}
	for _, command := range commands {
		registered(command, r)
	}
	answer(w, commands)
}

func registered(command map[string]any, r *http.Request) map[string]any {
	command["id"], command["application_id"] = newID(time.Now()), r.PathValue("app")
	return command
}

func (s *Server) record(sent Sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, sent)
	close(s.news)
	s.news = make(chan struct{})
}

// maxBody is more than Discord takes.
const maxBody = 32 << 20

// readBody returns the JSON of a request, which with files stands in a part of
// its own. Where it cannot, it has answered.
// https://discord.com/developers/docs/reference#uploading-files
func readBody(w http.ResponseWriter, r *http.Request) (json.RawMessage, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		if text := r.FormValue("payload_json"); json.Valid([]byte(text)) {
			return json.RawMessage(text), true
		}
	} else if body, err := io.ReadAll(r.Body); err == nil && json.Valid(body) {
		return body, true
	}
	refuse(w, http.StatusBadRequest, 50109, "The request body contains invalid JSON.")
	return nil, false
}

func content(body json.RawMessage) string {
	var d struct {
		Content string `json:"content"`
	}
	json.Unmarshal(body, &d)
	return d.Content
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"code": code, "message": text})
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
