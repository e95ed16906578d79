package telegram

import (
	"context"
	"errors"
	"net/url"
	"strings"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/middleware"
)

type replyFunc = func(ctx context.Context, chat any, text string) error

// A replier sends the answers of Outcome.Reply. send is bound once, so that an
// event costs no closure.
type replier struct {
	bot  *tele.Bot
	send replyFunc
}

func newReplier(bot *tele.Bot) *replier {
	r := &replier{bot: bot}
	r.send = r.reply
	return r
}

// A place is where an answer goes, without the update that it was found in.
type place struct {
	chat   int64
	thread int // 0: no topic
}

// placeOf takes what act.recipient chose.
func placeOf(chat any) any {
	switch to := chat.(type) {
	case *tele.Message:
		return place{to.Chat.ID, to.ThreadID}
	case *tele.Chat:
		return place{chat: to.ID}
	case *tele.User:
		return place{chat: to.ID}
	default:
		return nil
	}
}

// reply sends text to a place. telebot takes no context, so ctx
// is only looked at before; the bot's HTTP client has the timeout. A group that has
// become a supergroup since is answered there.
func (r *replier) reply(ctx context.Context, chat any, text string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	to, ok := chat.(place)
	if !ok {
		return middleware.ErrNoChat
	}
	err := r.sendTo(to, text)
	if group, ok := errors.AsType[tele.GroupError](err); ok {
		err = r.sendTo(place{chat: group.MigratedTo}, text)
	}
	return redact(err, r.bot.Token)
}

func (r *replier) sendTo(to place, text string) error {
	_, err := r.bot.Send(tele.ChatID(to.chat), text, &tele.SendOptions{ThreadID: to.thread})
	return err
}

// redact takes the token out of an error of telebot's: those of the network hold
// the URL, which holds the token. Of such an error only what lies behind the URL
// stays reachable for errors.Is and errors.As. The API's own errors, such as
// tele.FloodError, hold no token and are returned as they are.
func redact(err error, token string) error {
	if err == nil || token == "" || !tells(err, token) {
		return err
	}
	text := err.Error()
	for _, form := range forms(token) {
		text = strings.ReplaceAll(text, form, "<token>")
	}
	r := &redacted{text: text}
	if u, ok := errors.AsType[*url.Error](err); ok && !tells(u.Err, token) {
		r.cause = u.Err
	}
	return r
}

func tells(err error, token string) bool {
	for _, form := range forms(token) {
		if strings.Contains(err.Error(), form) {
			return true
		}
	}
	return false
}

// forms are the ways in which a token can stand in an error.
func forms(token string) []string {
	return []string{token, url.PathEscape(token), url.QueryEscape(token)}
}

type redacted struct {
	text  string
	cause error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.cause }
