package genauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// The types of id that accounts are asked for by.
const (
	idOwn      = "user_id"
	idExternal = "external_id"
)

// Deliver brings the account of one person up to date, the one whose externalId is
// their channelUserId, and creates it where there is none. The Receipt's Remote is
// its userId and its Answer a *[User].
//
// A value that cannot be accepted, such as an email that another account holds or
// a custom field that the pool does not define, holds up no other: all others are
// delivered, and the error wraps store.ErrInvalid and says what was left out, so
// that the dead letter tells it and Replay tries it again. The Receipt's Refused
// has the same.
func (b *Backend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	u, err := b.deliver(ctx, d)
	return receipt(d.Profile.Key, u, err)
}

// deliver also returns the account beside an error, once it is confirmed.
func (b *Backend) deliver(ctx context.Context, d store.Delivery) (*User, error) {
	fields := d.Fields
	if d.Remote != "" {
		u, err := b.refresh(ctx, d.Profile, fields, d.Remote)
		if !noUser(err) {
			return u, err
		}
		// It was deleted since, and with it what was told before.
		fields = slices.Concat(fields, b.mapping.all(d.Profile))
		slices.Sort(fields)
		fields = slices.Compact(fields)
	}
	u, data, err := b.find(ctx, d.Profile.Key.String(), idExternal, b.readsCustom(fields))
	switch {
	case noUser(err):
		return b.create(ctx, d.Profile)
	case err != nil:
		return nil, err
	}
	return b.update(ctx, d.Profile, fields, u, data)
}

// readsCustom reports whether the custom data must be read before these fields can
// be sent.
func (b *Backend) readsCustom(fields []store.Field) bool {
	return !b.customMerges && len(b.mapping.customKeys(fields)) > 0
}

// refresh updates an account whose own id an earlier delivery confirmed.
func (b *Backend) refresh(ctx context.Context, p store.Profile, fields []store.Field, id string) (*User, error) {
	u, data := &User{UserID: id}, json.RawMessage(nil)
	if b.readsCustom(fields) {
		var err error
		if u, data, err = b.find(ctx, id, idOwn, true); err != nil {
			return nil, err
		}
	}
	return b.update(ctx, p, fields, u, data)
}

// find asks for an account and confirms that it is the one asked for.
func (b *Backend) find(ctx context.Context, id, idType string, custom bool) (*User, json.RawMessage, error) {
	params := object{"userId": id, "userIdType": idType}
	if custom {
		params["withCustomData"] = "true"
	}
	u, data, err := b.client.account(ctx, call{http.MethodGet, "/api/v3/get-user", params})
	if err != nil {
		return nil, nil, fmt.Errorf("get the account: %w", err)
	}
	if idType == idOwn && u.UserID != id || idType == idExternal && u.ExternalID != id {
		return nil, nil, fmt.Errorf("%s answered with another account than the one asked for: %w", b.client.rest.Host(), store.ErrUnavailable)
	}
	return u, data, nil
}

// parts makes the parts of a request, custom data among them.
func (b *Backend) parts(ctx context.Context, p store.Profile, fields []store.Field, account json.RawMessage) (parts []part, problems []problem, err error) {
	parts, problems = b.mapping.parts(p, fields)
	keys := b.mapping.customKeys(fields)
	if len(keys) == 0 {
		return parts, problems, nil
	}
	defs, err := b.definitions.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	var kept map[string]json.RawMessage
	if !b.customMerges {
		kept = decodeCustomData(account)
	}
	custom, more := b.mapping.customPart(p, fields, defs, kept)
	if len(more) > 0 { // perhaps only by what was defined before
		if defs, err = b.definitions.renew(ctx); err != nil {
			return nil, nil, err
		}
		custom, more = b.mapping.customPart(p, fields, defs, kept)
	}
	if custom != nil {
		parts = append(parts, *custom)
	}
	return parts, append(problems, more...), nil
}

// update sends fields to the account u, whose id is confirmed, and returns it as
// it is then. data is what u was read from, if it was.
func (b *Backend) update(ctx context.Context, p store.Profile, fields []store.Field, u *User, data json.RawMessage) (*User, error) {
	parts, problems, err := b.parts(ctx, p, fields, data)
	if err != nil {
		return u, err
	}
	updated, more, err := sendParts(ctx, parts, b.updating(u.UserID))
	u = cmp.Or(updated, u)
	if err != nil {
		return u, fmt.Errorf("update the account: %w", err)
	}
	return u, partly(append(problems, more...))
}

// updating returns what sends values to the account with this id.
func (b *Backend) updating(id string) sendFunc {
	return func(ctx context.Context, values object) (*User, error) {
		body := maps.Clone(values)
		body["userId"] = id
		body["options"] = object{"userIdType": idOwn}
		u, _, err := b.client.account(ctx, call{http.MethodPost, "/api/v3/update-user", body})
		if unacceptable(err) && !taken(err) && len(values) == 1 && values["customData"] != nil {
			b.definitions.doubt()
		}
		if err == nil && u.UserID != id {
			return nil, fmt.Errorf("%s answered with another account than the one updated: %w", b.client.rest.Host(), store.ErrUnavailable)
		}
		return u, err
	}
}

// create makes an account with all that is known of the person.
func (b *Backend) create(ctx context.Context, p store.Profile) (*User, error) {
	fields := b.mapping.all(p)
	parts, problems, err := b.parts(ctx, p, fields, nil)
	if err != nil {
		return nil, err
	}
	u, err := b.add(ctx, p, join(parts))
	switch {
	case taken(err):
		// Perhaps another process created this very account a moment ago.
		u, data, err := b.find(ctx, p.Key.String(), idExternal, b.readsCustom(fields))
		if err == nil {
			return b.update(ctx, p, fields, u, data)
		}
		if !noUser(err) {
			return nil, err
		}
		fallthrough
	case unacceptable(err):
		// One of the values is refused: the account comes first, then each of them.
		if u, err = b.add(ctx, p, parts[0].values); err != nil {
			return nil, b.whyNot(ctx, p.Key, err)
		}
		updated, more, err := sendParts(ctx, parts[1:], b.updating(u.UserID))
		u, problems = cmp.Or(updated, u), append(problems, more...)
		if err != nil {
			return u, fmt.Errorf("update the new account: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("create the account: %w", err)
	}
	return u, partly(problems)
}

// add calls create-user, which wants a username, an email or a phone number.
func (b *Backend) add(ctx context.Context, p store.Profile, values object) (*User, error) {
	body := object{"username": b.mapping.username(p), "externalId": p.Key.String()}
	maps.Copy(body, values)
	u, _, err := b.client.account(ctx, call{http.MethodPost, "/api/v3/create-user", body})
	if err == nil && u.ExternalID != p.Key.String() {
		return nil, fmt.Errorf("%s answered with another account than the one created: %w", b.client.rest.Host(), store.ErrUnavailable)
	}
	return u, err
}

// whyNot says why an account cannot be created that has nothing but a username and
// an externalId which others may hold.
func (b *Backend) whyNot(ctx context.Context, key store.Key, err error) error {
	if !taken(err) {
		return fmt.Errorf("create the account: %w", err)
	}
	data, existsErr := b.client.do(ctx, call{http.MethodPost, "/api/v3/is-user-exists", object{"externalId": key.String()}})
	if existsErr != nil {
		return fmt.Errorf("ask for the account: %w", existsErr)
	}
	var answer struct {
		Exists *bool `json:"exists"`
	}
	if json.Unmarshal(data, &answer) != nil || answer.Exists == nil || *answer.Exists {
		return fmt.Errorf("the account is there and cannot be read yet: %w", store.ErrUnavailable)
	}
	return fmt.Errorf("an account without this externalId has the username: give that account the externalId, or set Options.Username: %w", err)
}

// keyUsername makes a username of a key, one that differs from key to key. Which
// characters a username may have is not documented: letters, digits, '-' and '_'
// are in any case.
func keyUsername(p store.Profile) string {
	plain := p.Channel + "_" + p.UserID
	safe := strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
			return '_'
		}
		return r
	}, plain)
	if safe == plain && len(safe) <= maxUsername && !strings.Contains(p.UserID, "_") && !strings.Contains(p.Channel, "_") {
		return safe
	}
	sum := sha256.Sum256([]byte(p.Key.String()))
	return fmt.Sprintf("%.40s_%x", safe, sum[:8])
}

const maxUsername = 64

// Erase deletes the account that has the person's channelUserId as externalId, and
// the one whose id is remote. That there is none is no error. The error wraps
// store.ErrCannotErase where Options.KeepErased is set, store.ErrUnavailable where
// the service does not confirm the deletion, and else means what Deliver's does.
func (b *Backend) Erase(ctx context.Context, key store.Key, remote string) error {
	if b.keepErased {
		return fmt.Errorf("genauth: erase %s: Options.KeepErased is set: %w", key, store.ErrCannotErase)
	}
	var ids []string
	u, _, err := b.find(ctx, key.String(), idExternal, false)
	switch {
	case err == nil:
		ids = append(ids, u.UserID)
	case !noUser(err):
		return fmt.Errorf("genauth: erase %s: %w", key, err)
	}
	if remote != "" && !slices.Contains(ids, remote) {
		ids = append(ids, remote)
	}
	for _, id := range ids {
		if err := b.remove(ctx, id); err != nil {
			return fmt.Errorf("genauth: erase %s: %w", key, err)
		}
	}
	return nil
}

// remove calls delete-users-batch for one account
// (https://docs.genauth.ai/reference/sdk/node/management/users/delete-users-batch.html).
func (b *Backend) remove(ctx context.Context, id string) error {
	data, err := b.client.do(ctx, call{http.MethodPost, "/api/v3/delete-users-batch", object{
		"userIds": []string{id},
		"options": object{"userIdType": idOwn},
	}})
	if noUser(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete the account: %w", err)
	}
	var answer struct {
		Success bool `json:"success"`
	}
	if json.Unmarshal(data, &answer) != nil || !answer.Success {
		return fmt.Errorf("%s did not delete the account: %w", b.client.rest.Host(), store.ErrUnavailable)
	}
	return nil
}
