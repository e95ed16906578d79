package genauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// A TokenSource returns the access token with which a person signed in to the
// app, valid now: who keeps refresh tokens renews it here. It answers for that the
// token is this person's. An error that wraps store.ErrNotFound says that there is
// none; any other one is tried again. It is called from several goroutines, and
// heeds ctx.
type TokenSource func(ctx context.Context, key store.Key) (string, error)

// UserOptions are the settings of a UserBackend. The zero value and nil are ready
// to use.
type UserOptions struct {
	// Name is what the store knows the backend by. "": "genauth-user".
	Name string
	// Prefix is PrefixGenAuth or PrefixAuthing. "": the first for hosts of
	// genauth.ai, and the second for all others.
	Prefix string

	// FollowUsername keeps the username that the person may sign in with that of
	// the channel. See Options.FollowUsername; but here it is cleared of who has
	// no handle any more.
	FollowUsername bool
	// SetExternalID makes the channelUserId the account's externalId, by the
	// first delivery.
	SetExternalID bool
	// Custom gives fields a place in custom data, as Options.Custom does. A
	// person may not ask what the pool defines, so that values are sent as they
	// are: text, number or bool.
	Custom map[store.Field]string
	// Company and IdentityNumber are the custom fields that hold these. The
	// second is the number of an identity card. "": neither is sent.
	Company, IdentityNumber store.Field
	// CustomMerges is that of Options. Whether the custom data can be read before
	// depends on the scope of the person's token.
	CustomMerges bool
	// Clearing is how values are taken away. 0: ClearWithNull.
	Clearing Clearing

	// Insecure and Transport are those of rest.Options.
	Insecure  bool
	Transport http.RoundTripper
}

// A UserBackend keeps people's own accounts in step, each by the access token of
// that person. It makes no accounts, and cannot erase: it is no store.Eraser. Make
// one with [NewUser].
type UserBackend struct {
	name          string
	rest          *rest.Client
	tokens        TokenSource
	header        http.Header // of every call
	mapping       mapping
	setExternalID bool
	customMerges  bool
}

var _ store.Backend = (*UserBackend)(nil)

// NewUser returns a UserBackend for the app with this id at appURL, such as
// "https://myapp.genauth.ai". o may be nil. The error wraps store.ErrInvalid and
// says what to do.
func NewUser(appURL, appID string, tokens TokenSource, o *UserOptions) (*UserBackend, error) {
	if o == nil {
		o = &UserOptions{}
	}
	prefix, err := prefixOf(o.Prefix, appURL)
	if err != nil {
		return nil, err
	}
	switch {
	case tokens == nil:
		return nil, fmt.Errorf("genauth: give a TokenSource: %w", store.ErrInvalid)
	case !inHeader(appID):
		return nil, fmt.Errorf("genauth: give the id of the app, from the console: %w", store.ErrInvalid)
	}
	r, err := rest.New(appURL, &rest.Options{Insecure: o.Insecure, Transport: o.Transport})
	if err != nil {
		return nil, fmt.Errorf("genauth: %w", err)
	}
	b := &UserBackend{
		name:   cmp.Or(o.Name, "genauth-user"),
		rest:   r,
		tokens: tokens,
		header: http.Header{
			http.CanonicalHeaderKey("x-" + prefix + "-app-id"): {appID},
			http.CanonicalHeaderKey("x-" + prefix + "-lang"):   {language},
		},
		mapping: mapping{
			simple:         profilePlaces(),
			followUsername: o.FollowUsername,
			company:        o.Company,
			identityNumber: o.IdentityNumber,
			custom:         maps.Clone(o.Custom),
			clearing:       o.Clearing,
		},
		setExternalID: o.SetExternalID,
		customMerges:  o.CustomMerges,
	}
	if err := b.mapping.validate(); err != nil {
		return nil, err
	}
	if err := store.ValidateBackend(b); err != nil {
		return nil, fmt.Errorf("genauth: %w", err)
	}
	return b, nil
}

// Name returns UserOptions.Name.
func (b *UserBackend) Name() string { return b.name }

// Traits say that the UserBackend takes what update-profile has a place for.
func (b *UserBackend) Traits() store.Traits {
	return store.Traits{
		Takes:       b.mapping.takes,
		CannotClear: b.mapping.clearing == NeverClear,
		Rate:        pace,
		Timeout:     timeout,
	}
}

// Close closes the connections that wait for another call.
func (b *UserBackend) Close() { b.rest.Close() }

// Deliver brings the account of the person whose token it is up to date. The
// Receipt's Remote is its userId and its Answer a *[User].
//
// Somebody who has no token, or whose token is not accepted, cannot be delivered
// for now, and nobody else is to wait for that: the error wraps store.ErrInvalid,
// and Outbox.Replay for the person, once they have signed in again, delivers them.
// A value that cannot be accepted holds up no other, as with Backend.Deliver.
func (b *UserBackend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	u, err := b.deliver(ctx, d)
	return receipt(d.Profile.Key, u, err)
}

// deliver returns no account where there was nothing to say, or all of it was left
// out.
func (b *UserBackend) deliver(ctx context.Context, d store.Delivery) (*User, error) {
	c, err := b.signedIn(ctx, d.Profile.Key)
	if err != nil {
		return nil, err
	}
	parts, problems := b.mapping.parts(d.Profile, d.Fields)
	if b.setExternalID && d.All {
		parts = append(parts, part{values: object{"externalId": d.Profile.Key.String()}})
	}
	if len(b.mapping.customKeys(d.Fields)) > 0 {
		var kept map[string]json.RawMessage
		if !b.customMerges {
			_, data, err := c.account(ctx, call{http.MethodGet, "/api/v3/get-profile", object{"withCustomData": "true"}})
			if err != nil {
				return nil, fmt.Errorf("get the account: %w", personal(err))
			}
			kept = decodeCustomData(data)
		}
		custom, more := b.mapping.customPart(d.Profile, d.Fields, nil, kept)
		if custom != nil {
			parts = append(parts, *custom)
		}
		problems = append(problems, more...)
	}
	u, more, err := sendParts(ctx, parts, func(ctx context.Context, values object) (*User, error) {
		u, _, err := c.account(ctx, call{http.MethodPost, "/api/v3/update-profile", values})
		return u, err
	})
	if err != nil {
		return u, fmt.Errorf("update the account: %w", personal(err))
	}
	return u, partly(slices.Concat(problems, more))
}

// signedIn returns a client that calls as the person.
func (b *UserBackend) signedIn(ctx context.Context, key store.Key) (*client, error) {
	token, err := b.tokens(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && token == "":
		return nil, fmt.Errorf("the person has no access token: %w", store.ErrInvalid)
	case err != nil: // whose text may hold anything
		return nil, fmt.Errorf("the TokenSource failed: %w", store.ErrUnavailable)
	case !inHeader(token):
		return nil, fmt.Errorf("the access token holds characters that none has: %w", store.ErrInvalid)
	}
	header := b.header.Clone()
	header.Set("Authorization", token) // without "Bearer", as the vendor's clients send it
	return &client{rest: b.rest, authorize: func(context.Context, call, http.Header) (http.Header, error) {
		return header, nil
	}}, nil
}

// personal turns what the service says of one person's token, or of what it may
// do, into an error about that person.
func personal(err error) error {
	r, ok := errors.AsType[*refusalError](err)
	if !ok {
		return err
	}
	switch {
	case r.code == codeNoApp, r.code == codeNoPool, r.code == codeMetering:
		return err
	case r.status == http.StatusUnauthorized, r.status == http.StatusForbidden, r.code == codeNotSignedIn:
		return fmt.Errorf("the person's access token is not accepted (%d): %w", r.status, store.ErrInvalid)
	}
	return err
}
