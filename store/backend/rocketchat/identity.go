package rocketchat

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// defaultUsername gives each Key a username of its own, whatever the case of
// letters. The plain form has one '_', the other one two in a row.
func defaultUsername(key store.Key) string {
	const longest = 40
	if !strings.Contains(key.Channel, "_") && len(key.UserID) <= longest && !strings.ContainsFunc(key.UserID, notPlain) {
		return key.Channel + "_" + key.UserID
	}
	sum := sha256.Sum256([]byte(key.String()))
	return strings.ReplaceAll(key.Channel, "_", "-") + "__" + hex.EncodeToString(sum[:12])
}

func notPlain(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }

// usernameOf checks what Options.Username makes against the server's default
// rule, UTF8_User_Names_Validation.
func (b *Backend) usernameOf(key store.Key) (string, error) {
	name := b.username(key)
	if name == "" || strings.ContainsFunc(name, notInUsername) {
		return "", fmt.Errorf("the username is not made of 0-9 a-z A-Z - _ and .: %w", store.ErrInvalid)
	}
	return name, nil
}

func notInUsername(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// markOf is the address that an account of ours has from its creation on. It
// depends on the Key alone, so that two keys which Options.Username confuses do
// not become one account.
func (b *Backend) markOf(key store.Key) string { return defaultUsername(key) + "@" + b.emailDomain }

func (b *Backend) marked(u User, key store.Key) bool {
	mark := b.markOf(key)
	return slices.ContainsFunc(u.Emails, func(e Email) bool { return strings.EqualFold(e.Address, mark) }) || b.holdsKey(u, key)
}

// keyText is the mark of Options.KeyField: the channelUserId, escaped where the
// server would trim it.
func keyText(key store.Key) string { return url.PathEscape(key.String()) }

// holdsKey reports whether u bears the mark of Options.KeyField.
func (b *Backend) holdsKey(u User, key store.Key) bool {
	return b.keyField != "" && plain(u.CustomFields[b.keyField]) == keyText(key)
}

// newPassword satisfies every rule of the server's password policy, and is
// forgotten at once.
func newPassword() string {
	random := make([]byte, 18)
	_, _ = rand.Read(random) // never fails
	return "aA1!" + base64.RawURLEncoding.EncodeToString(random)
}

// A remote is what a Receipt.Remote says: "id", "adopted id" of an account that we
// did not make, and "id picture 2" after two tries of a picture that may yet succeed.
// Ids hold no space.
type remote struct {
	id       string
	adopted  bool
	pictures int // tries
}

const (
	adoptedPrefix = "adopted "
	pictureMark   = " picture "
)

func (r remote) String() string {
	text := r.id
	if r.adopted {
		text = adoptedPrefix + text
	}
	if r.pictures > 0 {
		text += pictureMark + strconv.Itoa(r.pictures)
	}
	return text
}

func parseRemote(text string) (r remote) {
	text, r.adopted = strings.CutPrefix(text, adoptedPrefix)
	var tries string
	r.id, tries, _ = strings.Cut(text, pictureMark)
	r.pictures, _ = strconv.Atoi(tries)
	return r
}
