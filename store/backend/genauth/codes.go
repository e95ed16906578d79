package genauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// statuses are the statusCodes of the service, and what each means for a
// delivery (https://docs.genauth.ai/reference/error-code.html). HTTP's own status
// is 200 nearly always.
var statuses = map[int]error{
	400: store.ErrInvalid,     // an argument
	401: store.ErrDenied,      // not signed in
	402: store.ErrDenied,      // not in the plan that is paid for
	403: store.ErrDenied,      // not allowed
	404: store.ErrUnavailable, // where it means a person, that was looked at before
	409: store.ErrInvalid,     // somebody else has it
	413: store.ErrInvalid,
	422: store.ErrInvalid,
	429: store.ErrUnavailable, // too many calls
	499: store.ErrUnavailable,
	500: store.ErrUnavailable,
	501: store.ErrUnavailable,
	502: store.ErrUnavailable,
	503: store.ErrUnavailable,
	601: store.ErrUnavailable,
	602: store.ErrUnavailable,
	603: store.ErrUnavailable,
}

const (
	codeNoUser      = 2004
	codeLocked      = 2005
	codeNoApp       = 2011
	codeNotSignedIn = 2020
	codeNoPool      = 2224
	codeCredentials = 2333
	codeMetering    = 4021
)

// apiCodes are the finer codes that are known, and those that overrule the
// statusCode.
var apiCodes = map[int]error{
	1300: store.ErrDenied, // 1300 to 1306 are about the signature
	1301: store.ErrDenied,
	1302: store.ErrDenied,
	1303: store.ErrDenied,
	1304: store.ErrDenied,
	1305: store.ErrDenied,
	1306: store.ErrDenied,

	codeNoUser:      nil,
	codeLocked:      store.ErrInvalid,
	codeNoApp:       store.ErrDenied,
	codeNotSignedIn: store.ErrDenied,
	codeNoPool:      store.ErrDenied,
	codeCredentials: store.ErrDenied,
	codeMetering:    store.ErrDenied,
}

// An envelope is around every answer.
type envelope struct {
	StatusCode int             `json:"statusCode"`
	APICode    int             `json:"apiCode"`
	Data       json.RawMessage `json:"data"`
}

// A refusalError is an answer that says no in the envelope.
type refusalError struct {
	status, code int
	err          error
}

func (e *refusalError) Error() string { return e.err.Error() }
func (e *refusalError) Unwrap() error { return e.err }

// open returns the data of an answer, or the error that it says. callErr is what
// rest.Client returned with it.
func open(a rest.Answer, callErr error) (json.RawMessage, error) {
	switch {
	case callErr == nil:
	case a.Status < 400, a.Status == http.StatusTooManyRequests, a.Status >= 500:
		return nil, callErr // no answer of the service's own, or one that says enough
	}
	var e envelope
	err := a.Decode(&e)
	switch {
	case err != nil && callErr != nil:
		return nil, callErr
	case err != nil:
		return nil, err
	case e.StatusCode == http.StatusOK && callErr == nil:
		return e.Data, nil
	case e.StatusCode == 0, e.StatusCode == http.StatusOK:
		if callErr != nil {
			return nil, callErr
		}
		return nil, a.RefusalAs(store.ErrUnavailable, "")
	case a.Status == http.StatusNotFound && e.APICode != codeNoUser:
		return nil, callErr // of a server that has no such path, whoever it is
	}
	return nil, refuse(a, e)
}

func refuse(a rest.Answer, e envelope) error {
	kind, known := statuses[e.StatusCode]
	if !known {
		kind = store.ErrUnavailable
	} else {
		a.Status = e.StatusCode // of which rest knows 429
	}
	code := ""
	if finer, known := apiCodes[e.APICode]; known {
		code = strconv.Itoa(e.APICode)
		if finer != nil {
			kind = finer
		}
	}
	return &refusalError{status: e.StatusCode, code: e.APICode, err: a.RefusalAs(kind, code)}
}

// noUser reports whether err says that there is no such account. How the service
// pairs the two codes is not documented, so that either will do, unless the other
// means something else.
func noUser(err error) bool {
	r, ok := errors.AsType[*refusalError](err)
	if !ok || r.code == codeNoUser {
		return ok
	}
	_, known := apiCodes[r.code]
	return r.status == http.StatusNotFound && !known
}

// taken reports whether err says that somebody else holds a value that can be
// held once.
func taken(err error) bool {
	r, ok := errors.AsType[*refusalError](err)
	return ok && r.status == http.StatusConflict
}

// unacceptable reports whether err is about the values that were sent.
func unacceptable(err error) bool {
	r, ok := errors.AsType[*refusalError](err)
	return ok && r.code != codeLocked && r.code != codeNoUser && errors.Is(r.err, store.ErrInvalid)
}

// outdated reports whether err may go away with new credentials.
func outdated(err error) bool {
	if r, ok := errors.AsType[*refusalError](err); ok {
		return r.status == http.StatusUnauthorized || r.code == codeNotSignedIn
	}
	return rest.Status(err) == http.StatusUnauthorized
}
