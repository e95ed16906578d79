package webhook

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// Options are the settings of a Backend. The zero value and nil are ready to use.
type Options struct {
	// Name is what the store knows the backend by. "": "webhook". Give each its
	// own when there are several receivers, and a secret too.
	Name string
	// Batch is how many events may go into one request, 2 to 100. The body is
	// then an array, also of one event. A batch that is refused as invalid is
	// sent again in halves, so that the others in it do not suffer with the one
	// at fault; so receivers must take an event twice without harm. 0 and 1: one
	// event a request.
	Batch int
	// Rate bounds the requests, but for the halves of a batch that was refused. Zero:
	// no bound.
	Rate store.Rate
	// Insecure and Transport are those of rest.Options.
	Insecure  bool
	Transport http.RoundTripper
}

const maxBatch = 100

// A Backend sends events to one receiver. Make one with [New].
type Backend struct {
	client *rest.Client
	path   string
	query  url.Values
	keys   []key
	o      Options
}

var (
	_ store.Eraser  = (*Backend)(nil)
	_ store.Batcher = (*Backend)(nil)
)

// New returns a Backend that posts to address, an https URL. Its path and query
// may hold a token: no error tells more than its host.
//
// Every request is signed with each of secrets. There is one, but while it is
// being changed: give the new one first and the old one after it, change the
// receivers, and then take the old one away. o may be nil. The error wraps
// store.ErrInvalid and says what to change.
func New(address string, secrets []string, o *Options) (*Backend, error) {
	if o == nil {
		o = &Options{}
	}
	b := &Backend{o: *o}
	if b.o.Name == "" {
		b.o.Name = "webhook"
	}
	if err := b.configure(address, secrets); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return b, nil
}

func (b *Backend) configure(address string, secrets []string) (err error) {
	if b.keys, err = parseSecrets(secrets); err != nil {
		return err
	}
	base := address
	if u, err := url.Parse(address); err == nil && u.Opaque == "" {
		if u.Fragment != "" {
			return fmt.Errorf("the URL holds a fragment; leave it out: %w", store.ErrInvalid)
		}
		if b.query, err = url.ParseQuery(u.RawQuery); err != nil {
			return fmt.Errorf("the URL's query cannot be read; escape what it holds: %w", store.ErrInvalid)
		}
		b.path = u.EscapedPath()
		base = (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String()
	}
	b.client, err = rest.New(base, &rest.Options{Transport: b.o.Transport, Insecure: b.o.Insecure})
	switch {
	case err != nil:
		return err
	case b.o.Batch > maxBatch:
		return fmt.Errorf("Options.Batch is above %d: %w", maxBatch, store.ErrInvalid)
	}
	return store.ValidateBackend(b)
}

// Name returns Options.Name.
func (b *Backend) Name() string { return b.o.Name }

// Traits says that the receiver takes every field.
func (b *Backend) Traits() store.Traits {
	return store.Traits{Batch: b.o.Batch, Rate: b.o.Rate}
}

// Close closes the connections that wait for another request.
func (b *Backend) Close() { b.client.Close() }

// Deliver sends one event of TypeUpdated. Receipt.Remote is its id, by which an
// erasure is told from another of the same person. Errors are those of package
// rest.
func (b *Backend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	result := b.DeliverBatch(ctx, []store.Delivery{d})[0]
	return result.Receipt, result.Err
}

// DeliverBatch sends many events of TypeUpdated in one request, or in several
// where the receiver refuses that one as invalid. Result i is that of ds[i], as
// Deliver would return it: one error of package rest for all events of a request
// that failed, and store.ErrInvalid for an event that the receiver refuses alone.
func (b *Backend) DeliverBatch(ctx context.Context, ds []store.Delivery) []store.BatchResult {
	results := make([]store.BatchResult, len(ds))
	var events []Event
	var places []int // in results, of each event
	for i, d := range ds {
		e, err := b.event(d)
		if err != nil {
			results[i].Err = fmt.Errorf("webhook: deliver %s: %w", d.Profile.Key, err)
			continue
		}
		events, places = append(events, e), append(places, i)
	}
	b.sendInParts(ctx, events, func(n int, err error) {
		if err != nil {
			results[places[n]].Err = fmt.Errorf("webhook: deliver %s: %w", events[n].Key, err)
			return
		}
		results[places[n]].Receipt.Remote = events[n].ID
	})
	return results
}

// Erase sends an event of TypeErased. What the receiver erases is its own affair:
// nil says that it has accepted the event. Errors are those of package rest.
func (b *Backend) Erase(ctx context.Context, key store.Key, remote string) error {
	e := erased(key)
	e.ID = b.id("erase", key.String(), remote)
	if err := b.send(ctx, []Event{e}); err != nil {
		return fmt.Errorf("webhook: erase %s: %w", key, err)
	}
	return nil
}

// event makes the event of a delivery. Its id is of all that it says, but for the
// times that pass without a change: Version would be enough, did it not begin anew
// with a backend that is enrolled again.
func (b *Backend) event(d store.Delivery) (Event, error) {
	e := updated(d)
	timeless := e
	timeless.Profile.FirstSeen, timeless.Profile.LastSeen = time.Time{}, time.Time{}
	said, err := encode(timeless)
	if err != nil {
		return Event{}, err
	}
	e.ID = b.id("update", string(said))
	return e, nil
}

// id names what is sent. It is a keyed hash, since ids get into logs, where a plain
// one would confirm a guess at a profile.
func (b *Backend) id(kind string, of ...string) string {
	parts := append([]string{"rollcall", b.o.Name, kind}, of...)
	sum := b.keys[0].sum(strings.Join(parts, "\x00"))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// sendInParts sends events and tells of each what became of it. Where all of them
// are refused as invalid it sends either half by itself, down to the single one.
func (b *Backend) sendInParts(ctx context.Context, events []Event, tell func(n int, err error)) {
	if len(events) == 0 {
		return
	}
	err := b.send(ctx, events)
	if len(events) == 1 || !errors.Is(err, store.ErrInvalid) {
		for n := range events {
			tell(n, err)
		}
		return
	}
	half := len(events) / 2
	b.sendInParts(ctx, events[:half], tell)
	b.sendInParts(ctx, events[half:], func(n int, err error) { tell(half+n, err) })
}

// send makes one request.
func (b *Backend) send(ctx context.Context, events []Event) error {
	id := events[0].ID
	var said any = events[0]
	if b.o.Batch > 1 {
		said = events
	}
	if len(events) > 1 {
		ids := make([]string, len(events))
		for i, e := range events {
			ids[i] = e.ID
		}
		id = b.id("batch", ids...)
	}
	body, err := encode(said)
	if err != nil {
		return err
	}
	now := time.Now()
	_, err = b.client.Call(ctx, rest.Request{
		Method: http.MethodPost,
		Path:   b.path,
		Query:  b.query,
		Header: http.Header{
			headerID:        {id},
			headerTimestamp: {strconv.FormatInt(now.Unix(), 10)},
			headerSignature: {signature(b.keys, id, now, body)},
		},
		Body: body,
	})
	return err
}
