package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// pollToHandler is an answer to getUpdates, from its bytes until the last of its 100
// updates is handled. An HTTP transport hands the bytes out, so that no server's cost
// makes ours look small.
func pollToHandler() Subject {
	const without = "without rollcall"
	return Subject{
		Name: "getUpdates to handler, telebot",
		Sides: []Side{
			{Name: "rollcall", Loop: poll(func(bot *tele.Bot, mw *middleware.Middleware) { telegram.Attach(bot, mw, nil) })},
			{Name: without, Loop: poll(func(*tele.Bot, *middleware.Middleware) {})},
		},
		Instructions: true,
		Claims: []Claim{
			{Of: "time", Metric: CPU, Against: without, Wanted: AtMost(1.03), Possible: new(1.0), Limit: "one more channel on the way, whose switches of goroutines count as time; the instructions decide where that is noisy"},
			{Of: "instructions", Metric: Instructions, Against: without, Wanted: AtMost(1.03), Guard: AtMost(1.04), Possible: new(1.0), Limit: "one more channel on the way"},
		},
	}
}

func poll(attach func(*tele.Bot, *middleware.Middleware)) func(*Env) (func(int) error, error) {
	return func(e *Env) (func(int) error, error) {
		answers, err := newAnswers()
		if err != nil {
			return nil, err
		}
		bot, err := tele.NewBot(tele.Settings{
			Offline: true, Synchronous: true, Poller: &tele.LongPoller{}, Client: &http.Client{Transport: answers},
		})
		if err != nil {
			return nil, err
		}
		bot.Me = &tele.User{ID: 1, IsBot: true, Username: "rollcall_bot"}
		mw, err := middleware.New(memstore.New(), nil)
		if err != nil {
			return nil, err
		}
		attach(bot, mw)
		var handled, last atomic.Int64
		done := make(chan struct{})
		bot.Handle(tele.OnText, func(tele.Context) error {
			if handled.Add(1) == last.Load() {
				done <- struct{}{}
			}
			return nil
		})
		go bot.Start()
		e.Cleanup(func() error {
			close(answers.wanted)
			bot.Stop()
			return mw.Close(e)
		})
		loop := func(n int) error {
			last.Add(int64(n * updatesAnAnswer))
			go func() {
				for range n {
					answers.wanted <- struct{}{}
				}
			}()
			<-done
			return nil
		}
		if err := loop(1); err != nil {
			return nil, err
		}
		return loop, mw.Flush(e)
	}
}

const updatesAnAnswer = 100

// answers is a Bot API that has 100 updates whenever one is wanted. All are of people
// who are known after the first.
type answers struct {
	wanted chan struct{}
	body   []byte
	ids    []int // where they stand in body, ten digits each
	last   int
}

func newAnswers() (*answers, error) {
	a := &answers{wanted: make(chan struct{}), last: 1_000_000_000}
	body := bytes.NewBufferString(`{"ok":true,"result":[`)
	now := time.Now()
	for i := range updatesAnAnswer {
		user := telegramtest.User{ID: int64(7_000_000_000 + i), FirstName: fmt.Sprint("Ann", i), LastName: "Lee", Username: fmt.Sprint("ann_lee", i), LanguageCode: "en"}
		data, err := telegramtest.Message(user, telegramtest.Private(user), "What time does the shop open on Sundays?").At(now).MarshalJSON()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`{"update_id":`)
		a.ids = append(a.ids, body.Len())
		body.WriteString(`1000000000,`)
		_, rest, ok := bytes.Cut(data, []byte(`"message":`))
		if !ok {
			return nil, fmt.Errorf("no message in %s", data)
		}
		body.WriteString(`"message":`)
		body.Write(rest)
	}
	body.WriteString(`]}`)
	a.body = body.Bytes()
	return a, nil
}

// RoundTrip implements http.RoundTripper. telebot asks for one answer after the other.
func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	body := a.body
	if _, wanted := <-a.wanted; wanted {
		for _, at := range a.ids {
			a.last++
			strconv.AppendInt(body[at:at], int64(a.last), 10)
		}
	} else {
		body = []byte(`{"ok":true,"result":[]}`)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
}
