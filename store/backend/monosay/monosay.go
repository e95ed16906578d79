package monosay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// DefaultBaseURL is where the vendor's own client sends to.
const DefaultBaseURL = "https://api.monosay.com/v1/"

// Options are the settings of a Backend. The zero value and nil are ready to use.
type Options struct {
	// BaseURL is the service's address. "": DefaultBaseURL.
	BaseURL string
	// Name is what the store knows the backend by. "": "monosay". Give each its
	// own when a bot has several tokens.
	Name string

	// Channel is the only one whose people are sent, by the platform's user id
	// alone ("42"), which is what the vendor's own middleware sends: people whom
	// that has registered stay who they are. The backend does not serve people of
	// other channels; see store.Traits.
	//
	// "": everybody is sent, by the whole channelUserId ("telegram:42"). The
	// service tells people apart by the token and this id, so that the user 42 of
	// one platform and the user 42 of another never become one person, which
	// nothing could take apart again. A bot on two platforms that wants bare ids
	// needs two tokens and two backends, each with its Channel.
	Channel string
	// NumberIDs sends ids as JSON numbers, as the vendor's middleware for
	// Telegram does, for a service to which 42 and "42" are two people. It
	// needs Channel. Ids that a number cannot hold exactly, such as many of
	// Discord's, are refused with store.ErrInvalid.
	NumberIDs bool
	// Replaces is for a service that forgets the fields that a request leaves
	// out: the middleware then has all that have a value sent each time. It is
	// not the default, since in a service that keeps them it would undo what
	// somebody corrected there.
	Replaces bool
	// ClearWithEmpty takes a value away by sending "" in the place of null,
	// which is what the vendor's middleware sends for a photo that is not there.
	ClearWithEmpty bool

	// Rate bounds the calls. Zero: no bound, since none is published.
	Rate store.Rate
	// Insecure and Transport are those of rest.Options.
	Insecure  bool
	Transport http.RoundTripper
}

// A Backend sends people to Monosay. Make one with [New].
type Backend struct {
	client *rest.Client
	o      Options
}

var _ store.Backend = (*Backend)(nil)

// New returns a Backend for the channel of Monosay's that token is of. o may be
// nil. The error wraps store.ErrInvalid and says what to change.
func New(token string, o *Options) (*Backend, error) {
	if o == nil {
		o = &Options{}
	}
	b := &Backend{o: *o}
	if b.o.BaseURL == "" {
		b.o.BaseURL = DefaultBaseURL
	}
	if b.o.Name == "" {
		b.o.Name = "monosay"
	}
	if problem := problemOf(token, b.o); problem != "" {
		return nil, fmt.Errorf("monosay: %s: %w", problem, store.ErrInvalid)
	}
	client, err := rest.New(b.o.BaseURL, &rest.Options{
		Header:    http.Header{"Authorization": {"Bot " + token}},
		Transport: b.o.Transport,
		Insecure:  b.o.Insecure,
	})
	if err != nil {
		return nil, fmt.Errorf("monosay: %w", err)
	}
	b.client = client
	if err := store.ValidateBackend(b); err != nil {
		return nil, fmt.Errorf("monosay: %w", err)
	}
	return b, nil
}

func problemOf(token string, o Options) string {
	switch {
	case token == "":
		return "the token is empty; take the one of your channel from Monosay's console"
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return `the token holds a space, or what is not ASCII; give it alone, without "Bot "`
	case o.NumberIDs && o.Channel == "":
		return "Options.NumberIDs needs Options.Channel, since a channelUserId such as telegram:42 is no number"
	case o.Channel != "" && store.Key{Channel: o.Channel, UserID: "1"}.Validate() != nil:
		return "Options.Channel is no channel; give its name alone, such as telegram"
	}
	return ""
}

// Name returns Options.Name.
func (b *Backend) Name() string { return b.o.Name }

// Traits says that Monosay has a place for six fields, and can clear them, and
// that it is for the people of Options.Channel.
func (b *Backend) Traits() store.Traits {
	t := store.Traits{Takes: takes, Replaces: b.o.Replaces, Rate: b.o.Rate}
	if channel := b.o.Channel; channel != "" {
		t.Serves = func(key store.Key) bool { return key.Channel == channel }
	}
	return t
}

// Close closes the connections that wait for another request.
func (b *Backend) Close() { b.client.Close() }

// An Answer is what Monosay said of a delivery. The hooks get it as an *Answer in
// Outcome.Remote.
type Answer struct {
	// Data is the envelope's "data", whatever it is. nil where there is none.
	Data json.RawMessage
}

// patience is how often the service may refuse a person without saying why. With
// the pauses of the middleware that takes about a quarter of an hour.
const patience = 12

// Deliver adds or updates one channel user. The Receipt's Answer is an *[Answer].
// Errors are those of package rest, and also:
//
// A status of 200 or 201 with "success":false tells neither whether the person or
// the service is at fault, nor for how long. It counts as store.ErrUnavailable
// at first, which gives up nobody for some minutes in which the service refuses
// everybody, and from the 12th such answer on as store.ErrInvalid, so that somebody
// who is never accepted is not sent for ever. Tries that failed otherwise do not
// count, however many an outage took; the Receipt's Remote is that count. The dead
// letter can be replayed, and is owed again when the person changes.
func (b *Backend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	receipt, err := b.deliver(ctx, d)
	if err != nil {
		err = fmt.Errorf("monosay: deliver %s: %w", d.Profile.Key, err)
	}
	return receipt, err
}

func (b *Backend) deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	u, err := b.user(d)
	if err != nil {
		return store.Receipt{}, err
	}
	if !d.All && u.saysNothing() {
		return store.Receipt{}, nil
	}
	answer, err := b.client.Call(ctx, rest.Request{Method: http.MethodPost, Path: "channelusers", Body: u})
	if err != nil {
		return store.Receipt{}, err
	}
	if answer.Status != http.StatusOK && answer.Status != http.StatusCreated {
		return store.Receipt{}, answer.RefusalAs(store.ErrUnavailable, "")
	}
	var envelope struct {
		Success *bool           `json:"success"`
		Data    json.RawMessage `json:"data"`
	}
	if err := answer.Decode(&envelope); err != nil {
		return store.Receipt{}, err
	}
	switch {
	case envelope.Success == nil:
		return store.Receipt{}, answer.RefusalAs(store.ErrUnavailable, "without success")
	case *envelope.Success:
		return store.Receipt{Answer: &Answer{Data: envelope.Data}}, nil
	}
	n, kind := refusals(d), store.ErrUnavailable
	if n >= patience {
		kind = store.ErrInvalid
	}
	return store.Receipt{Remote: fmt.Sprintf(refused, n, d.Version)}, answer.RefusalAs(kind, "success:false")
}

// refused is the form of a Remote.
const refused = "refused %d of version %d"

// refusals is how often this delivery was refused without saying why, now too. It
// begins anew with a Replay, from where Attempt counts.
func refusals(d store.Delivery) int {
	var n int
	var version int64
	if _, err := fmt.Sscanf(d.Remote, refused, &n, &version); err != nil || version != d.Version {
		n = 0
	}
	return min(n+1, d.Attempt)
}
