package rocketchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// A caller calls the REST API within its limits, and reads its errors.
type caller struct {
	client *rest.Client
	budget budget
	factor http.Header // the password as second factor, nil for none
}

func newCaller(base string, o *rest.Options) (*caller, error) {
	const api = "/api/v1"
	base = strings.TrimSuffix(base, "/")
	if strings.HasSuffix(base, api) {
		return nil, fmt.Errorf("rocketchat: leave %s out of BaseURL: %w", api, store.ErrInvalid)
	}
	client, err := rest.New(base+api, o)
	if err != nil {
		return nil, fmt.Errorf("rocketchat: %w", err)
	}
	return &caller{client: client}, nil
}

// do makes one call and reads its answer into v. route is the endpoint as the
// server counts calls to it.
func (c *caller) do(ctx context.Context, route string, r rest.Request, v any) error {
	err := c.once(ctx, route, r, v)
	if code(err) == codeFactorRequired && c.factor != nil {
		r.Header = c.factor
		err = c.once(ctx, route, r, v)
	}
	if strings.HasPrefix(code(err), factorPrefix) {
		return fmt.Errorf("%w: a second factor is asked for; "+
			"use a personal access token that ignores two factors, or Options.Password", err)
	}
	return err
}

func (c *caller) once(ctx context.Context, route string, r rest.Request, v any) error {
	if wait := c.budget.take(route, time.Now()); wait > 0 {
		return &store.ThrottledError{After: wait, Err: fmt.Errorf("%s takes no more calls of %s for now", c.client.Host(), route)}
	}
	answer, err := c.client.Call(ctx, r)
	wait := c.budget.give(route, answer, time.Now())
	if answer.Status == 0 {
		return err
	}
	if err != nil {
		return refusal(answer, wait)
	}
	return decode(answer, v)
}

// decode reads a success. A server that is not itself, or is not Rocket.Chat,
// has no "success": true.
func decode(a rest.Answer, v any) error {
	var envelope struct {
		Success bool `json:"success"`
	}
	if err := a.Decode(&envelope); err != nil {
		return err
	}
	if !envelope.Success {
		return a.RefusalAs(store.ErrUnavailable, "")
	}
	if v == nil {
		return nil
	}
	return a.Decode(v)
}

// A failure is the body of a refusal.
type failure struct {
	Error     string          `json:"error"`
	ErrorType string          `json:"errorType"`
	Details   json.RawMessage `json:"details"`
}

// refusal reads a status that is no success. wait is how long the server's
// limit lasts. The texts of the server stay out of it.
func refusal(a rest.Answer, wait time.Duration) error {
	var f failure
	_ = json.Unmarshal(a.Body, &f) // of a proxy, perhaps: then the status says it
	known := f.code()
	switch {
	case a.Status == http.StatusTooManyRequests, known == codeTooMany:
		err := a.RefusalAs(store.ErrUnavailable, known)
		if t, ok := errors.AsType[*store.ThrottledError](err); ok {
			err, wait = t.Err, max(wait, t.After)
		}
		return &store.ThrottledError{After: wait, Err: err}
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return a.RefusalAs(store.ErrDenied, known)
	case a.Status == http.StatusBadRequest && known != "":
		return a.RefusalAs(codes[known], known)
	}
	return a.Refusal("")
}

// code returns what the server calls the problem, "" for what is not in codes.
func (f failure) code() string {
	switch {
	// No errorType comes with these. They are constants of the server, in
	// English whatever its language.
	case f.ErrorType == "" && (f.Error == "User not found." || f.Error == "User not found"):
		return codeNoUser
	case f.ErrorType == "" && f.Error == "Name contains invalid characters":
		return codeName
	case f.ErrorType == "" && (f.Error == "unauthorized" || f.Error == "forbidden"):
		return codePermission
	case f.ErrorType == codeFactorRequired && f.method() != "password":
		return codeFactorOther
	}
	if _, ok := codes[f.ErrorType]; ok {
		return f.ErrorType
	}
	return ""
}

func (f failure) method() string {
	var details struct {
		Method string `json:"method"`
	}
	_ = json.Unmarshal(f.Details, &details) // may be of any type
	return details.Method
}

const (
	factorPrefix       = "totp-"
	codeFactorRequired = "totp-required"
	codeFactorOther    = "totp-required by another method than the password"
	codeNoUser         = "error-user-not-found"
	codeInvalidUser    = "error-invalid-user"
	codeName           = "error-name-invalid-characters" // ours: the server has none
	codeTaken          = "error-field-unavailable"
	codeEmail          = "error-invalid-email"
	codeEmailAddress   = "error-invalid-email-address"
	codeEmailDomain    = "error-email-domain-blacklisted"
	codeTooMany        = "error-too-many-requests"
	codeNoVisitor      = "invalid-token"
	codePermission     = "error-unauthorized"
	codeAction         = "error-action-not-allowed"
	codeNotAllowed     = "error-not-allowed"
)

// codes are the values of errorType that are known, and what they mean. All
// others of status 400 are [store.ErrInvalid] as well.
var codes = map[string]error{
	codeFactorRequired:  store.ErrDenied,
	codeFactorOther:     store.ErrDenied,
	"totp-invalid":      store.ErrDenied,
	"totp-max-attempts": store.ErrDenied,

	codeAction:             store.ErrDenied,
	codeNotAllowed:         store.ErrDenied,
	"error-not-authorized": store.ErrDenied,
	codePermission:         store.ErrDenied,

	codeTooMany: store.ErrUnavailable,

	codeNoUser:                             store.ErrInvalid,
	codeInvalidUser:                        store.ErrInvalid,
	codeName:                               store.ErrInvalid,
	codeTaken:                              store.ErrInvalid,
	"error-could-not-save-identity":        store.ErrInvalid,
	"error-blocked-username":               store.ErrInvalid,
	"error-input-is-not-a-valid-field":     store.ErrInvalid,
	"error-the-field-is-required":          store.ErrInvalid,
	codeEmail:                              store.ErrInvalid,
	codeEmailAddress:                       store.ErrInvalid,
	codeEmailDomain:                        store.ErrInvalid,
	"error-user-registration-custom-field": store.ErrInvalid,
	"error-bio-size-exceeded":              store.ErrInvalid,
	"error-nickname-size-exceeded":         store.ErrInvalid,
	"error-avatar-invalid-url":             store.ErrInvalid,
	"error-avatar-url-handling":            store.ErrInvalid,
	"error-cannot-delete-app-user":         store.ErrInvalid,
	"Edit_Federated_User_Not_Allowed":      store.ErrInvalid,
	"invalid-params":                       store.ErrInvalid,
	"error-invalid-params":                 store.ErrInvalid,
	codeNoVisitor:                          store.ErrInvalid,
	"error-invalid-token":                  store.ErrInvalid,
	"error-livechat-visitor-registration":  store.ErrInvalid,
	"error-updating-custom-fields":         store.ErrInvalid,
	"visitor-has-open-rooms":               store.ErrUnavailable,
	"error-removing-visitor":               store.ErrUnavailable,
}

// code returns the code within err, "" for none.
func code(err error) string {
	if e, ok := errors.AsType[*rest.Error](err); ok {
		return e.Code
	}
	return ""
}

// lacksPermission reports whether err says that the account of the token may not
// do this, although it was let in.
func lacksPermission(err error) bool {
	switch code(err) {
	case codePermission, codeAction, codeNotAllowed:
		return true
	}
	return false
}

// nobody reports whether err says that there is no such user.
func nobody(err error) bool { return code(err) == codeNoUser || code(err) == codeInvalidUser }

func throttled(err error) bool {
	_, ok := errors.AsType[*store.ThrottledError](err)
	return ok
}

// passing reports whether a call may succeed later.
func passing(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnanswered)
}
