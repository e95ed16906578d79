package main

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/adapters/adaptertest"
	"github.com/rollcall-go/rollcall/middleware"
)

func TestAdapter(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	adaptertest.Run(t, adaptertest.Adapter{
		Channel: "linechat",
		Connect: connect,
		Skip:    map[string]string{"last-name-removed": "linechat has one name, which is never split"},
	})
}

func connect(t *testing.T, mw *middleware.Middleware) adaptertest.Bot {
	server, err := Serve()
	if err != nil {
		t.Fatal(err)
	}
	bot, err := Dial(t.Context(), server.Addr(), "rollbot")
	if err != nil {
		t.Fatal(err)
	}
	var handled atomic.Int64
	handler := func(m Message) {
		handled.Add(1)
		if err := bot.Send(context.Background(), m.Chat(), "you said "+m.Text); err != nil {
			t.Errorf("answering: %v", err)
		}
	}
	if mw != nil {
		handler = Observed(bot, mw, handler)
	}
	arrivals := newArrivals()
	bot.Handle(func(m Message) {
		handler(m)
		close(arrivals.of(m.ID))
	})
	var running sync.WaitGroup
	running.Go(func() {
		if err := bot.Run(); err != nil {
			t.Errorf("bot: %v", err)
		}
	})
	t.Cleanup(func() {
		if err := bot.Close(); err != nil {
			t.Errorf("closing the bot: %v", err)
		}
		running.Wait()
		if err := server.Close(); err != nil {
			t.Errorf("closing the server: %v", err)
		}
	})
	return adaptertest.Bot{
		Deliver: func(t *testing.T, in adaptertest.Input) bool {
			id, err := server.Say(messageOf(in))
			if err != nil {
				t.Errorf("delivering: %v", err)
				return false
			}
			<-arrivals.of(id)
			return true
		},
		Handled: func() int { return int(handled.Load()) },
		Sent:    func(in adaptertest.Input) []string { return server.Sent(messageOf(in).Chat()) },
	}
}

// messageOf says an Input in the platform's words.
func messageOf(in adaptertest.Input) Message {
	m := Message{Millis: in.At.UnixMilli(), From: &User{ID: in.UserID, Nick: in.Username, Name: in.Name}, Text: in.Text}
	switch in.Kind {
	case adaptertest.Start:
		m.Text = strings.TrimSpace("!start " + in.Text)
	case adaptertest.Addressed:
		m.Room, m.Text = "lobby", "rollbot: "+in.Text
	case adaptertest.Overheard:
		m.Room = "lobby"
	case adaptertest.FromBot:
		m.From.Bot = true
	case adaptertest.Nobody:
		m.Room, m.From = "lobby", nil
	}
	return m
}

// arrivals tells Deliver when the bot is done with a line.
type arrivals struct {
	mu   sync.Mutex
	done map[int64]chan struct{}
}

func newArrivals() *arrivals { return &arrivals{done: make(map[int64]chan struct{})} }

func (a *arrivals) of(id int64) chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done[id] == nil {
		a.done[id] = make(chan struct{})
	}
	return a.done[id]
}

func TestExampleRuns(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `linechat:42 created [name start_payload status username]
linechat:42 updated [name]
linechat:43 dropped [] not addressed to the bot
linechat:44 created [name status username]
linechat:7 dropped [] bot
: dropped [] nobody

linechat:42 "Ann Lee-Cho" ann "from-the-poster"
linechat:44 "Cyrus" cy ""
`
	if got := strings.ReplaceAll(out.String(), "] \n", "]\n"); got != want {
		t.Errorf("it printed\n%s\nwant\n%s", got, want)
	}
}
