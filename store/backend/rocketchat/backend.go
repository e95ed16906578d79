package rocketchat

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// Backend keeps people as users of one server. Make one with [New].
type Backend struct {
	name        string
	call        *caller
	emailDomain string
	username    func(store.Key) string
	custom      customMap
	keyField    string
	emails      bool
	pictures    bool
	adopt       bool
	keepErased  bool
}

var _ store.Eraser = (*Backend)(nil)

// Options are the settings of a Backend. BaseURL must be set; all else may be
// left zero.
type Options struct {
	// BaseURL is where the server is, such as "https://chat.example.com". What
	// the REST API adds to it ("/api/v1") is left out.
	BaseURL string
	// Name is the backend's name. "": "rocketchat".
	Name string
	// Insecure and Transport are those of [rest.Options].
	Insecure  bool
	Transport http.RoundTripper

	// Password is that of the account that the token belongs to. Its SHA-256 is
	// sent when the server asks for the password as a second factor, and
	// only then. "": a personal access token that ignores two factors is enough.
	Password string
	// EmailDomain is what the addresses of new accounts end in. It must be one
	// that can never receive mail, or yours. "": "rollcall.invalid" (RFC 2606).
	// Accounts under another domain are not known as ours.
	EmailDomain string
	// Username makes the username of a new account: characters of
	// 0-9 a-z A-Z - _ and ., the same each time for the same Key and in no case
	// the same for two, whatever the case of their letters. nil: "telegram_42",
	// and with a hash for ids of anything but 0-9, a-z and '-'.
	Username func(key store.Key) string
	// Custom maps fields to the keys of custom fields on the server:
	// {store.CustomKey("plan"): "plan", store.FieldLocale: "language"}. All
	// values are sent as text. Keys that begin with "role" are refused. Map
	// none either whose definition has modifyRecordField: the server lets such
	// a one change roles.
	Custom map[store.Field]string
	// KeyField is the key of a custom field that holds the channelUserId. It is
	// another mark of the accounts that are ours, for where the address may
	// change. It is written to those alone. "": none.
	KeyField string
	// Emails replaces the address of an account by the person's own, once the
	// profile says that it is verified. The server then asks the person for a
	// confirmation by mail. It needs KeyField. Adopted accounts keep theirs.
	Emails bool
	// Pictures has the server fetch Profile.Picture as the avatar. It needs the
	// permission edit-other-user-avatar. A picture that it refuses does not fail
	// the delivery: see [User].PictureProblem.
	Pictures bool
	// Adopt takes over accounts that have the username of a person and were not
	// made by this package. Whoever has one is overwritten.
	Adopt bool
	// KeepErased leaves accounts alone when a person is forgotten, and reports
	// them with store.ErrCannotErase.
	KeepErased bool
}

const (
	defaultName        = "rocketchat"
	defaultEmailDomain = "rollcall.invalid"
)

// New returns a Backend that acts as the account of this id and token, on the
// server at Options.BaseURL, which must be set. The error wraps store.ErrInvalid
// and says what to change.
func New(userID, authToken string, o *Options) (*Backend, error) {
	if o == nil {
		o = &Options{}
	}
	b := &Backend{
		name:        cmp.Or(o.Name, defaultName),
		emailDomain: strings.ToLower(cmp.Or(o.EmailDomain, defaultEmailDomain)),
		username:    o.Username,
		keyField:    o.KeyField,
		emails:      o.Emails,
		pictures:    o.Pictures,
		adopt:       o.Adopt,
		keepErased:  o.KeepErased,
	}
	if b.username == nil {
		b.username = defaultUsername
	}
	switch {
	case userID == "" || authToken == "" || strings.ContainsFunc(userID+authToken, notInHeader):
		return nil, fmt.Errorf("rocketchat: give the user id and the token of a personal access token: %w", store.ErrInvalid)
	case o.BaseURL == "":
		return nil, fmt.Errorf("rocketchat: set Options.BaseURL to the address of the server: %w", store.ErrInvalid)
	case strings.ContainsFunc(b.emailDomain, notInDomain) || !strings.Contains(b.emailDomain, "."):
		return nil, fmt.Errorf("rocketchat: Options.EmailDomain is not a domain such as people.example.com: %w", store.ErrInvalid)
	case o.Emails && o.KeyField == "":
		return nil, fmt.Errorf("rocketchat: Options.Emails needs KeyField: without it an account that lost its address is not known any more: %w", store.ErrInvalid)
	}
	if o.KeyField != "" {
		if problem := customKeyProblem(o.KeyField); problem != "" {
			return nil, fmt.Errorf("rocketchat: Options.KeyField %s: %w", problem, store.ErrInvalid)
		}
	}
	var err error
	if b.custom, err = newCustomMap(o.Custom, o.KeyField); err != nil {
		return nil, err
	}
	b.call, err = newCaller(o.BaseURL, &rest.Options{
		Header:    http.Header{"X-User-Id": {userID}, "X-Auth-Token": {authToken}, "User-Agent": {userAgent}},
		Insecure:  o.Insecure,
		Transport: o.Transport,
	})
	if err != nil {
		return nil, err
	}
	if o.Password != "" {
		sum := sha256.Sum256([]byte(o.Password))
		b.call.factor = http.Header{"X-2fa-Code": {hex.EncodeToString(sum[:])}, "X-2fa-Method": {"password"}}
	}
	if err := store.ValidateBackend(b); err != nil {
		return nil, fmt.Errorf("rocketchat: %w", err)
	}
	return b, nil
}

// userAgent never changes: the server remembers a second factor for half an hour
// by it, the token and the address.
const userAgent = "rollcall"

func notInHeader(r rune) bool { return r <= ' ' || r >= 0x7f }

func notInDomain(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
}

// Name returns Options.Name.
func (b *Backend) Name() string { return b.name }

// Close closes the connections that wait for another call.
func (b *Backend) Close() { b.call.client.Close() }

// Traits returns what a server can do: change single fields, and clear them.
func (b *Backend) Traits() store.Traits {
	return store.Traits{Takes: b.takes, Timeout: 30 * time.Second}
}

func (b *Backend) takes(f store.Field) bool {
	switch f {
	case store.FieldName, store.FieldNickname, store.FieldBio:
		return true
	case store.FieldEmail, store.FieldEmailVerified:
		if b.emails {
			return true
		}
	case store.FieldPicture:
		if b.pictures {
			return true
		}
	}
	return b.custom.takes(f)
}
