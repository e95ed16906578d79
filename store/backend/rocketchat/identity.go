package rocketchat

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
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

// A Receipt.Remote is the id of the account, with adoptedPrefix before it where we did
// not make it, and with a pictureMark behind it where the picture failed and may yet
// succeed. Ids hold no space.
const (
	adoptedPrefix = "adopted "
	pictureMark   = " picture %d of version %d"
)

func (a *account) remote() string {
	if a.adopted {
		return adoptedPrefix + a.ID + a.pictures
	}
	return a.ID + a.pictures
}

func parseRemote(remote string) (id string, adopted bool) {
	remote, adopted = strings.CutPrefix(remote, adoptedPrefix)
	id, _, _ = strings.Cut(remote, " ")
	return id, adopted
}

// pictureFailures is how often the picture of this version has failed.
func pictureFailures(d store.Delivery) (n int) {
	id, _ := parseRemote(d.Remote)
	var version int64
	_, mark, _ := strings.Cut(d.Remote, id)
	if _, err := fmt.Sscanf(mark, pictureMark, &n, &version); err != nil || version != d.Version {
		return 0
	}
	return n
}
