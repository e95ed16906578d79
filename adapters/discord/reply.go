package discord

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/middleware"
)

// A chat is where a reply goes: to a channel, or after the bot's own answer to
// an interaction.
type chat struct {
	session *discordgo.Session
	channel uint64
	app     uint64 // 0: no interaction
	token   string // of the interaction; a secret for 15 minutes
	came    time.Time
}

// ackTime is how long a bot has for its first answer to an interaction. A
// followup can be sent only after that answer.
// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-callback
const ackTime = 3 * time.Second

// tokenTime is how long Discord takes an interaction's token. An answer with an old one
// counts among the invalid requests, for too many of which it shuts the whole bot out.
// https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans
const tokenTime = 15 * time.Minute

const followupEvery = 250 * time.Millisecond

// unknownWebhook is what Discord says of a followup before the first response.
// https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
const unknownWebhook = 10015

// reply sends text to where the event came from. It pings nobody: the text may
// hold a name that is made of mentions.
//
// An interaction is answered by an ephemeral followup, never by its first
// response, which is the bot's own to give: with that one taken, the bot's
// would fail. So while the bot has not responded yet, reply tries again, for as
// long as a response is possible. That goes by when the interaction came: the store
// can have been away since then, and many answers wait.
func reply(ctx context.Context, to any, text string) error {
	c, ok := to.(*chat)
	if !ok || c.session == nil {
		return middleware.ErrNoChat
	}
	if c.app == 0 {
		return c.clean(ctx, c.message(ctx, text))
	}
	if time.Since(c.came) >= tokenTime {
		return middleware.ErrNoChat
	}
	err := c.followup(ctx, text)
	for unanswered(err) && time.Since(c.came) < ackTime {
		select {
		case <-ctx.Done():
			return c.clean(ctx, err)
		case <-time.After(followupEvery):
		}
		err = c.followup(ctx, text)
	}
	return c.clean(ctx, err)
}

func (c *chat) message(ctx context.Context, text string) error {
	_, err := c.session.ChannelMessageSendComplex(formatID(c.channel), &discordgo.MessageSend{
		Content:         text,
		AllowedMentions: silent(),
	}, discordgo.WithContext(ctx))
	return err
}

// followup does what discordgo's FollowupMessageCreate does, but for its rate
// limit bucket: that one is named after the token and kept for ever.
func (c *chat) followup(ctx context.Context, text string) error {
	_, err := c.session.RequestWithBucketID(http.MethodPost, discordgo.EndpointWebhookToken(formatID(c.app), url.PathEscape(c.token)),
		&discordgo.WebhookParams{
			Content:         text,
			AllowedMentions: silent(),
			Flags:           discordgo.MessageFlagsEphemeral,
		}, discordgo.EndpointWebhookToken("", ""), discordgo.WithContext(ctx))
	return err
}

func silent() *discordgo.MessageAllowedMentions {
	return &discordgo.MessageAllowedMentions{Parse: []discordgo.AllowedMentionType{}}
}

func unanswered(err error) bool {
	rest, ok := errors.AsType[*discordgo.RESTError](err)
	return ok && rest.Message != nil && rest.Message.Code == unknownWebhook
}

// clean takes the secrets out of an error: discordgo's hold the request with
// its Authorization header, and net/http's the URL with the interaction's
// token. A *discordgo.RESTError stays one, without its Request.
func (c *chat) clean(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("discord: reply: %w", context.Cause(ctx))
	}
	if rest, ok := errors.AsType[*discordgo.RESTError](err); ok {
		return fmt.Errorf("discord: reply: %w", c.cleanREST(rest))
	}
	if limited, ok := errors.AsType[*discordgo.RateLimitError](err); ok && limited.RateLimit != nil && limited.TooManyRequests != nil {
		return fmt.Errorf("discord: reply: rate limited for %v", limited.RetryAfter)
	}
	if broken, ok := errors.AsType[*url.Error](err); ok {
		err = broken.Err
	}
	if text := c.redact(err.Error()); text != err.Error() {
		err = errors.New(text)
	}
	return fmt.Errorf("discord: reply: %w", err)
}

func (c *chat) cleanREST(rest *discordgo.RESTError) *discordgo.RESTError {
	safe := &discordgo.RESTError{ResponseBody: []byte(c.redact(string(rest.ResponseBody)))}
	safe.Response = &http.Response{}
	if rest.Response != nil {
		safe.Response.Status, safe.Response.StatusCode = rest.Response.Status, rest.Response.StatusCode
	}
	if rest.Message != nil {
		safe.Message = &discordgo.APIErrorMessage{Code: rest.Message.Code, Message: c.redact(rest.Message.Message)}
	}
	return safe
}

func (c *chat) redact(text string) string {
	bare := strings.TrimPrefix(c.session.Token, "Bot ")
	for _, secret := range []string{bare, c.token, url.PathEscape(c.token)} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return text
}
