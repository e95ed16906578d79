package genauth

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// The hosts of the Management API. The same service has two names.
const (
	GenAuthURL = "https://api.genauth.ai"
	AuthingURL = "https://api.authing.cn"
)

// The prefixes of the service's headers, as in x-authing-lang.
const (
	PrefixGenAuth = "genauth"
	PrefixAuthing = "authing"
)

// Auth says how calls of the Management API are authorised.
type Auth uint8

// The ways of authorisation.
const (
	ByToken     Auth = iota // a token, fetched for the access key and kept for its lifetime
	BySignature             // each call signed with the secret, which is never sent
)

// Clearing says how a value is taken away from an account. Which of these the
// service understands is not documented.
type Clearing uint8

// The ways of clearing.
const (
	// ClearWithNull sends null. It is the default: a check for the form of an
	// address or a date passes over null, and no two accounts hold the same.
	ClearWithNull Clearing = iota
	// ClearWithEmpty sends "", for a service that ignores null.
	ClearWithEmpty
	// NeverClear leaves what is there, for a service that ignores both.
	NeverClear
)

// Options are the settings of a Backend. The zero value and nil are ready to use.
type Options struct {
	// BaseURL is where the Management API is. "": GenAuthURL.
	BaseURL string
	// Name is what the store knows the backend by. "": "genauth". It must differ
	// where there are two.
	Name string
	// Prefix is PrefixGenAuth or PrefixAuthing. "": the first for hosts of
	// genauth.ai, and the second for all others.
	Prefix string
	// Auth is how calls are authorised. 0: ByToken.
	Auth Auth
	// RawToken sends the token alone, as the vendor's documentation has it,
	// where its Go client sends "Bearer " before it.
	RawToken bool
	// UserPoolID is sent with each call. "": what the token says, and with
	// BySignature none.
	UserPoolID string

	// Username makes the username of a new account, which must be unique in the
	// pool and the same each time. It is called from several goroutines. nil: the
	// channel and the user id, such as "telegram_42".
	Username func(p store.Profile) string
	// FollowUsername keeps the username of the account that of the person on the
	// channel. It is what they may sign in with, and only one account can have
	// it, while a handle passes from one person to another: so by default it
	// stays as it was made. To keep the handle without that, give it a place by
	// Custom. Who has no handle any more gets what Username makes.
	FollowUsername bool

	// Custom gives fields a place in custom data, by the key that the pool
	// defines: those of store.CustomKey, and those that GenAuth has no place for,
	// such as store.FieldBio. Values are converted to the type that the pool
	// defines for the key.
	Custom map[store.Field]string
	// Company and IdentityNumber are the custom fields that hold these. The
	// second is the number of an identity card. "": neither is sent.
	Company, IdentityNumber store.Field
	// CustomMerges says that the pool keeps the custom data that an update does
	// not mention. That is not documented: by default all of it is read before,
	// and sent along.
	CustomMerges bool

	// Clearing is how values are taken away. 0: ClearWithNull.
	Clearing Clearing
	// KeepErased leaves accounts alone when a person is forgotten, and reports
	// them with store.ErrCannotErase: for a pool whose accounts are not only of
	// the bot's making.
	KeepErased bool

	// Insecure and Transport are those of rest.Options.
	Insecure  bool
	Transport http.RoundTripper
}

// A Backend keeps the accounts of a GenAuth user pool in step, by the Management
// API. Make one with [New].
type Backend struct {
	name         string
	client       *client
	definitions  *definitions
	mapping      mapping
	customMerges bool
	keepErased   bool
}

var _ store.Eraser = (*Backend)(nil)

// New returns a Backend for the user pool of an access key. o may be nil. The
// error wraps store.ErrInvalid and says what to do.
func New(accessKeyID, accessKeySecret string, o *Options) (*Backend, error) {
	if o == nil {
		o = &Options{}
	}
	base := cmp.Or(o.BaseURL, GenAuthURL)
	prefix, err := prefixOf(o.Prefix, base)
	if err != nil {
		return nil, err
	}
	switch {
	case !inHeader(accessKeyID) || accessKeySecret == "":
		return nil, fmt.Errorf("genauth: give the access key's id and its secret, from the console of the user pool: %w", store.ErrInvalid)
	case o.UserPoolID != "" && !inHeader(o.UserPoolID):
		return nil, fmt.Errorf("genauth: Options.UserPoolID is not an id: %w", store.ErrInvalid)
	case o.Auth > BySignature:
		return nil, fmt.Errorf("genauth: Options.Auth is neither ByToken nor BySignature: %w", store.ErrInvalid)
	}
	r, err := rest.New(base, &rest.Options{Insecure: o.Insecure, Transport: o.Transport})
	if err != nil {
		return nil, fmt.Errorf("genauth: %w", err)
	}
	k := keys{id: accessKeyID, secret: accessKeySecret, prefix: prefix, pool: o.UserPoolID}
	c := &client{rest: r, authorize: k.bySignature}
	if o.Auth == ByToken {
		t := &tokenAuth{keys: k, client: &client{rest: r}, scheme: "Bearer ", turn: make(chan struct{}, 1)}
		if o.RawToken {
			t.scheme = ""
		}
		c = &client{rest: r, authorize: t.authorize, renews: true}
	}
	b := &Backend{
		name:        cmp.Or(o.Name, "genauth"),
		client:      c,
		definitions: &definitions{client: c},
		mapping: mapping{
			simple:         accountPlaces(),
			contacts:       true,
			followUsername: o.FollowUsername,
			username:       o.Username,
			company:        o.Company,
			identityNumber: o.IdentityNumber,
			custom:         maps.Clone(o.Custom),
			clearing:       o.Clearing,
		},
		customMerges: o.CustomMerges,
		keepErased:   o.KeepErased,
	}
	if b.mapping.username == nil {
		b.mapping.username = keyUsername
	}
	if err := b.mapping.validate(); err != nil {
		return nil, err
	}
	if err := store.ValidateBackend(b); err != nil {
		return nil, fmt.Errorf("genauth: %w", err)
	}
	return b, nil
}

// Name returns Options.Name.
func (b *Backend) Name() string { return b.name }

// Traits say that the Backend takes what has a place in an account, and makes
// fewer calls than the 300 a second that the service allows a pool on its free
// plan, of which one delivery takes up to three as a rule.
func (b *Backend) Traits() store.Traits {
	return store.Traits{
		Takes:       b.mapping.takes,
		CannotClear: b.mapping.clearing == NeverClear,
		Rate:        pace,
		Timeout:     timeout,
	}
}

// A delivery is up to three requests as a rule, and a handful where one value is
// refused.
var pace = store.Rate{Calls: 50, Per: time.Second}

const timeout = 30 * time.Second

// Close closes the connections that wait for another call.
func (b *Backend) Close() { b.client.rest.Close() }
