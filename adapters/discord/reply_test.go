package discord_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestAReplyGoesToTheChannelAndPingsNobody(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, nil)
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	if err := r.one(t).Reply(within(t), "Hello @everyone"); err != nil {
		t.Fatal(err)
	}
	sent := srv.Sent()
	if len(sent) != 1 || sent[0].ChannelID != discordtest.DMChannel(ann.ID) || sent[0].Text != "Hello @everyone" {
		t.Fatalf("sent %+v", sent)
	}
	if !strings.Contains(string(sent[0].Body), `"allowed_mentions":{"parse":[],`) {
		t.Errorf("the reply can ping: %s", sent[0].Body)
	}
}

func TestAReplyToAnInteractionWaitsForTheBotsOwnResponse(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	mayRespond := make(chan struct{})
	responded := make(chan error, 1)
	srv := attach(t, r, nil, func(s *discordgo.Session) {
		s.SyncEvents = false
		s.AddHandler(func(s *discordgo.Session, i *discordgo.InteractionCreate) {
			<-mayRespond
			responded <- s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{
				Type: discordgo.InteractionResponseChannelMessageWithSource,
				Data: &discordgo.InteractionResponseData{Content: "pong"},
			})
		})
	})
	srv.send(t, discordtest.SlashCommand(ann, discordtest.Guild(guild), "ping"))
	o := r.one(t)
	replied := make(chan error, 1)
	go func() { replied <- o.Reply(within(t), "I know you now.") }()
	time.AfterFunc(300*time.Millisecond, func() { close(mayRespond) })
	if err := <-responded; err != nil {
		t.Fatalf("the bot's own response: %v", err)
	}
	if err := <-replied; err != nil {
		t.Fatalf("the reply: %v", err)
	}
	sent := srv.Sent()
	if len(sent) != 2 || sent[0].Text != "pong" || sent[1].Kind != discordtest.KindFollowup || sent[1].Text != "I know you now." {
		t.Fatalf("sent %+v", sent)
	}
	var body struct{ Flags int }
	if err := json.Unmarshal(sent[1].Body, &body); err != nil || body.Flags != int(discordgo.MessageFlagsEphemeral) {
		t.Errorf("the followup is not ephemeral: %s", sent[1].Body)
	}
}

func TestAnAutocompletionHasNoChat(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, nil)
	srv.send(t, discordtest.Autocomplete(ann, discordtest.DM, "find", "a"))
	if err := r.one(t).Reply(within(t), "hi"); !errors.Is(err, middleware.ErrNoChat) {
		t.Errorf("Reply: %v", err)
	}
}

func TestTheReplyOfAHookIsNotObservedAsAPerson(t *testing.T) {
	t.Parallel()
	replied := make(chan error, 2)
	r := newRoll(t, middleware.Options{OnSuccess: func(ctx context.Context, o middleware.Outcome) { replied <- o.Reply(ctx, "hi") }})
	srv := newLoopback(t, &discordtest.Options{Echo: true})
	session := srv.Session()
	session.AddHandler(discord.Handler(r.Middleware, nil))
	srv.open(t, session)
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	if err := <-replied; err != nil {
		t.Fatal(err)
	}
	if o := r.next(t, 2)[1]; o.Result != middleware.Dropped || o.Reason != middleware.ReasonBot {
		t.Errorf("the echo: %s %s", o.Result, o.Reason)
	}
}

const interactionToken = "aW50ZXJhY3Rpb246c2VjcmV0"

// observed runs one interaction through a Handler on a session with this
// transport, and returns its outcome.
func observed(t *testing.T, e discordtest.Event, transport roundTrip) middleware.Outcome {
	t.Helper()
	r := newRoll(t, middleware.Options{})
	session, err := discordgo.New(discordtest.Token)
	if err != nil {
		t.Fatal(err)
	}
	session.Client = &http.Client{Transport: transport}
	discord.Handler(r.Middleware, nil)(session, &discordgo.Event{Type: e.Type, RawData: e.Data})
	return r.next(t, 1)[0]
}

func response(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

func TestNoTokenIsInTheErrorOfAReply(t *testing.T) {
	t.Parallel()
	bare := strings.TrimPrefix(discordtest.Token, "Bot ")
	failures := map[string]roundTrip{
		"the network": func(req *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("dial %s with %s: refused", req.URL, req.Header.Get("Authorization"))
		},
		"an answer that repeats the secrets": func(req *http.Request) (*http.Response, error) {
			return response(403, `{"code":50013,"message":"`+req.URL.Path+` `+bare+`"}`), nil
		},
		"an answer that is no JSON": func(req *http.Request) (*http.Response, error) {
			return response(500, req.URL.String()+" "+bare), nil
		},
		"a bad gateway": func(req *http.Request) (*http.Response, error) {
			return response(502, req.URL.String()+" "+bare), nil
		},
	}
	events := map[string]discordtest.Event{
		"interaction": discordtest.SlashCommand(ann, discordtest.DM, "ping").With("token", interactionToken),
		"message":     discordtest.Message(ann, discordtest.DM, "hi"),
	}
	for failure, transport := range failures {
		for kind, e := range events {
			t.Run(failure+", "+kind, func(t *testing.T) {
				t.Parallel()
				err := observed(t, e, transport).Reply(within(t), "hi")
				if err == nil {
					t.Fatal("no error")
				}
				text := fmt.Sprintf("%v %+v %#v", err, err, err)
				for cause := err; cause != nil; cause = errors.Unwrap(cause) {
					text += fmt.Sprintf("\n%v %+v %#v", cause, cause, cause)
				}
				if rest, ok := errors.AsType[*discordgo.RESTError](err); ok {
					if rest.Request != nil {
						t.Error("the error holds the request, and so its Authorization header")
					}
					text += string(rest.ResponseBody) + fmt.Sprintf("%+v", rest.Message)
				}
				for _, secret := range []string{interactionToken, bare} {
					if strings.Contains(text, secret) {
						t.Errorf("a secret is in %s", text)
					}
				}
			})
		}
	}
}

func TestAReplyKeepsTheCauseOfANetworkError(t *testing.T) {
	t.Parallel()
	e := discordtest.SlashCommand(ann, discordtest.DM, "ping").With("token", interactionToken)
	err := observed(t, e, func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }).Reply(within(t), "hi")
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "webhooks") {
		t.Errorf("Reply: %v", err)
	}
}

func TestAReplyKeepsDiscordsErrorCode(t *testing.T) {
	t.Parallel()
	err := observed(t, discordtest.Message(ann, discordtest.DM, "hi"), func(*http.Request) (*http.Response, error) {
		return response(403, `{"code":50007,"message":"Cannot send messages to this user"}`), nil
	}).Reply(within(t), "hi")
	rest, ok := errors.AsType[*discordgo.RESTError](err)
	if !ok || rest.Response.StatusCode != http.StatusForbidden || rest.Message.Code != 50007 || rest.Request != nil {
		t.Errorf("Reply: %v", err)
	}
}

// unanswered returns the outcome of an interaction to which the bot has not responded, and
// counts what is sent.
func unanswered(t *testing.T) (middleware.Outcome, *atomic.Int32) {
	t.Helper()
	calls := new(atomic.Int32)
	return observed(t, discordtest.SlashCommand(ann, discordtest.DM, "ping"), func(*http.Request) (*http.Response, error) {
		calls.Add(1)
		return response(404, `{"code":10015,"message":"Unknown Webhook"}`), nil
	}), calls
}

// A bot that never responds to the interaction: the reply gives up when no
// response is possible any more.
func TestAReplyBeforeAnyResponseGivesUpAfterThreeSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, calls := unanswered(t)
		begin := time.Now()
		err := o.Reply(t.Context(), "hi")
		if rest, ok := errors.AsType[*discordgo.RESTError](err); !ok || rest.Message.Code != 10015 {
			t.Errorf("Reply: %v", err)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("gave up after %v", took)
		}
		if n := calls.Load(); n != 13 {
			t.Errorf("tried %d times", n)
		}
	})
}

func TestAReplyBeforeAnyResponseHeedsItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, _ := unanswered(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := o.Reply(ctx, "hi"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// When the store was away, the answers to all that was observed meanwhile come at once,
// one after the other.
func TestALateReplyToAnInteractionDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, calls := unanswered(t)
		time.Sleep(15*time.Minute - 1)
		begin := time.Now()
		err := o.Reply(t.Context(), "hi")
		if rest, ok := errors.AsType[*discordgo.RESTError](err); !ok || rest.Message.Code != 10015 {
			t.Errorf("Reply: %v", err)
		}
		if n := calls.Load(); n != 1 || time.Since(begin) != 0 {
			t.Errorf("tried %d times, for %v", n, time.Since(begin))
		}
	})
}

// Discord shuts out a bot that makes too many requests with tokens that are over.
func TestATokenThatIsOverIsNotUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, calls := unanswered(t)
		time.Sleep(15 * time.Minute)
		if err := o.Reply(t.Context(), "hi"); !errors.Is(err, middleware.ErrNoChat) || calls.Load() != 0 {
			t.Errorf("Reply: %v, tried %d times", err, calls.Load())
		}
	})
}

// A hook may keep an Outcome and answer from anywhere.
func TestRepliesOfManyGoroutines(t *testing.T) {
	t.Parallel()
	for _, e := range []discordtest.Event{
		discordtest.SlashCommand(ann, discordtest.DM, "ping").With("token", interactionToken),
		discordtest.Message(ann, discordtest.DM, "hi"),
	} {
		var sent atomic.Int32
		o := observed(t, e, func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Path, interactionToken) || strings.Contains(req.URL.Path, discordtest.DMChannel(ann.ID)) {
				sent.Add(1)
			}
			return response(200, `{}`), nil
		})
		clear(e.Data) // as whoever owns it may by now
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := o.Reply(within(t), "hi"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := sent.Load(); n != 8 {
			t.Errorf("%s: %d answers went where the event came from", e.Type, n)
		}
	}
}

func TestAReplyToAMessageMayComeLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := observed(t, discordtest.Message(ann, discordtest.DM, "hi"), func(*http.Request) (*http.Response, error) {
			return response(200, `{}`), nil
		})
		time.Sleep(24 * time.Hour)
		if err := o.Reply(t.Context(), "hi"); err != nil {
			t.Errorf("Reply: %v", err)
		}
	})
}

func TestProfileOfWhoSentAnEvent(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, nil)
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	r.next(t, 1)
	author := &discordgo.User{ID: ann.ID}
	m := &discordgo.Message{Author: author}
	i := &discordgo.Interaction{Member: &discordgo.Member{User: author}}
	for _, event := range []any{
		m, &discordgo.MessageCreate{Message: m}, &discordgo.MessageUpdate{Message: m},
		i, &discordgo.InteractionCreate{Interaction: i}, &discordgo.Interaction{User: author},
	} {
		if p, err := discord.Profile(within(t), r.Middleware, event); err != nil || p.DisplayName() != "Ann" {
			t.Errorf("%T: %+v, %v", event, p, err)
		}
	}
	for _, event := range []any{
		nil, "hi", &discordgo.TypingStart{}, &discordgo.Message{}, &discordgo.Interaction{},
		&discordgo.MessageCreate{}, &discordgo.MessageUpdate{}, &discordgo.InteractionCreate{},
		(*discordgo.Message)(nil), (*discordgo.MessageCreate)(nil), (*discordgo.MessageUpdate)(nil),
		(*discordgo.Interaction)(nil), (*discordgo.InteractionCreate)(nil),
	} {
		if _, err := discord.Profile(within(t), r.Middleware, event); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%T: %v", event, err)
		}
	}
	if _, err := discord.Profile(within(t), nil, m); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("no middleware: %v", err)
	}
	stranger := &discordgo.Message{GuildID: guild, Author: &discordgo.User{ID: bob.ID, Username: "bob"}}
	if p, err := discord.Profile(within(t), r.Middleware, stranger); err != nil || p.DisplayName() != "bob" {
		t.Errorf("a stranger in a guild, who may have mentioned the bot: %q, %v", p.DisplayName(), err)
	}
}

// discordgo starts typed handlers before raw ones, each on a goroutine.
func TestProfileInAHandlerThatRunsBeforeOurs(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	first := &discordgo.MessageCreate{Message: &discordgo.Message{Author: &discordgo.User{ID: ann.ID, Username: "ann", GlobalName: "Ann"}}}
	if p, err := discord.Profile(within(t), r.Middleware, first); err != nil || p.DisplayName() != "Ann" {
		t.Errorf("%q, %v", p.DisplayName(), err)
	}
}
