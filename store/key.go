package store

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Key names one person on one channel. It is comparable, so it can be a map
// key. Its text form, the channelUserId, is what [Key.String] returns.
type Key struct {
	// Channel is the platform: "telegram", "discord", or what another adapter
	// chose. 1 to 32 of a-z, 0-9, '-' and '_'.
	Channel string `json:"channel"`

	// UserID is the platform's own id of the person, never a name or a handle:
	// 1 to 255 bytes of printable UTF-8. It may contain ':'. Numeric ids are
	// decimal.
	UserID string `json:"user_id"`
}

const (
	maxChannel = 32
	maxID      = 255
)

// String returns the channelUserId, such as "telegram:42". [ParseKey] reads it
// back.
func (k Key) String() string { return k.Channel + ":" + k.UserID }

// IsZero reports whether k names nobody.
func (k Key) IsZero() bool { return k == Key{} }

// Compare orders keys by channel, then by user id, bytewise. It is the order of
// [Store] listings.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(k.Channel, o.Channel); c != 0 {
		return c
	}
	return strings.Compare(k.UserID, o.UserID)
}

// Validate returns nil, or an error that wraps ErrInvalid. A bad id is refused
// and never repaired, since two bad ids could be repaired into one person.
func (k Key) Validate() error {
	switch {
	case k.Channel == "":
		return fmt.Errorf("key has no channel: %w", ErrInvalid)
	case len(k.Channel) > maxChannel:
		return fmt.Errorf("channel is longer than %d bytes: %w", maxChannel, ErrInvalid)
	}
	for _, c := range []byte(k.Channel) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("channel may hold only a-z, 0-9, '-' and '_': %w", ErrInvalid)
		}
	}
	if p := idProblem(k.UserID); p != "" {
		return fmt.Errorf("user id %s: %w", p, ErrInvalid)
	}
	return nil
}

// idProblem says what is wrong with a platform's id of a person or a guild, ""
// for nothing.
func idProblem(id string) string {
	if id == "" {
		return "is empty"
	}
	if len(id) > maxID {
		return fmt.Sprintf("is longer than %d bytes", maxID)
	}
	if !utf8.ValidString(id) {
		return "is not valid UTF-8"
	}
	if strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "holds a character that cannot be printed"
	}
	return ""
}

// ParseKey reads the text form of a Key back. The first ':' ends the channel;
// all that follows is the user id. The error wraps ErrInvalid.
func ParseKey(channelUserID string) (Key, error) {
	channel, id, ok := strings.Cut(channelUserID, ":")
	if !ok {
		return Key{}, fmt.Errorf("a channelUserId looks like telegram:42: %w", ErrInvalid)
	}
	k := Key{Channel: channel, UserID: id}
	if err := k.Validate(); err != nil {
		return Key{}, err
	}
	return k, nil
}
