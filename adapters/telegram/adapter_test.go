package telegram_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/adaptertest"
	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
)

func TestAdapter(t *testing.T) {
	for name, edit := range map[string]func(*testing.T, *tele.Settings){
		"polling":     nil,
		"synchronous": func(_ *testing.T, s *tele.Settings) { s.Synchronous = true },
		"webhook": func(t *testing.T, s *tele.Settings) {
			s.Poller = listeningWebhook{&tele.Webhook{Listen: freeAddress(t), SecretToken: "s3cret"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, adaptertest.Adapter{
				Channel: "telegram",
				Connect: func(t *testing.T, mw *middleware.Middleware) adaptertest.Bot { return connect(t, mw, edit) },
			})
		})
	}
}

func connect(t *testing.T, mw *middleware.Middleware, edit func(*testing.T, *tele.Settings)) adaptertest.Bot {
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	settings := tele.Settings{
		URL: srv.URL(), Token: srv.Token(), Client: &http.Client{Transport: transport},
		Poller: &tele.LongPoller{Timeout: 10 * time.Second},
	}
	if edit != nil {
		edit(t, &settings)
	}
	bot, err := tele.NewBot(settings)
	if err != nil {
		t.Fatal(err)
	}
	d := &delivery{srv: srv, done: make(map[int]chan struct{})}
	bot.Use(d.watch)
	if mw != nil {
		telegram.Attach(bot, mw, nil)
	}
	var handled atomic.Int64
	bot.Handle(tele.OnText, func(c tele.Context) error {
		handled.Add(1)
		return c.Send("hello")
	})
	bot.Handle(tele.OnChannelPost, func(tele.Context) error { return nil })
	stopped := make(chan struct{})
	go func() { bot.Start(); close(stopped) }()
	t.Cleanup(func() {
		srv.Close()
		bot.Stop()
		<-stopped
		transport.CloseIdleConnections()
	})
	return adaptertest.Bot{
		Deliver: d.deliver,
		Handled: func() int { return int(handled.Load()) },
		Sent: func(in adaptertest.Input) []string {
			var texts []string
			for _, c := range srv.Sent() {
				if c.ChatID() == chatOf(in).ID {
					texts = append(texts, c.Text())
				}
			}
			return texts
		},
	}
}

// A delivery pushes updates and knows when their handlers have returned.
type delivery struct {
	srv *telegramtest.Server

	mu   sync.Mutex
	last int
	done map[int]chan struct{}
}

func (d *delivery) watch(next tele.HandlerFunc) tele.HandlerFunc {
	return func(c tele.Context) error {
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			close(d.done[c.Update().ID])
		}()
		return next(c)
	}
}

func (d *delivery) deliver(t *testing.T, in adaptertest.Input) bool {
	d.mu.Lock()
	d.last++
	done := make(chan struct{})
	d.done[d.last] = done
	err := d.srv.Push(updateOf(in, d.srv.Me()).At(in.At).WithID(d.last))
	d.mu.Unlock()
	if err != nil {
		t.Error(err)
		return false
	}
	select {
	case <-done:
		return true
	case <-time.After(patience):
		return false
	}
}

func chatOf(in adaptertest.Input) telegramtest.Chat {
	if in.Kind == adaptertest.Addressed || in.Kind == adaptertest.Overheard {
		return cats
	}
	return telegramtest.Private(userOf(in))
}

func userOf(in adaptertest.Input) telegramtest.User {
	return telegramtest.User{
		ID: int64(in.UserID), FirstName: in.Name, LastName: in.LastName, Username: in.Username,
		IsBot: in.Kind == adaptertest.FromBot,
	}
}

func updateOf(in adaptertest.Input, me telegramtest.User) telegramtest.Update {
	switch in.Kind {
	case adaptertest.Start:
		return telegramtest.Message(userOf(in), chatOf(in), strings.TrimSpace("/start "+in.Text))
	case adaptertest.Addressed:
		return telegramtest.Message(userOf(in), chatOf(in), "@"+me.Username+" "+in.Text)
	case adaptertest.Nobody:
		return telegramtest.ChannelPost(telegramtest.Channel(-1009876543210, "News"), in.Text)
	default:
		return telegramtest.Message(userOf(in), chatOf(in), in.Text)
	}
}
