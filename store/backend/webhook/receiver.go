package webhook

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// ReceiverOptions are the settings of a Receiver. The zero value and nil are
// ready to use.
type ReceiverOptions struct {
	// Tolerance is how far the time of a request may be from now, either way.
	// What is older may be the copy of a request that somebody else has seen. 0:
	// five minutes.
	Tolerance time.Duration
}

const usualTolerance = 5 * time.Minute

// A Receiver checks requests that a Backend has sent, and reads their events. Its
// methods may be called from many goroutines at once. Make one with
// [NewReceiver].
type Receiver struct {
	keys      []key
	tolerance time.Duration
}

// NewReceiver returns a Receiver that takes what is signed with any of secrets. o
// may be nil. The error wraps store.ErrInvalid and says what to change.
func NewReceiver(secrets []string, o *ReceiverOptions) (*Receiver, error) {
	r := &Receiver{tolerance: usualTolerance}
	if o != nil && o.Tolerance != 0 {
		r.tolerance = o.Tolerance
	}
	keys, err := parseSecrets(secrets)
	switch {
	case err != nil:
		return nil, fmt.Errorf("webhook: %w", err)
	case r.tolerance < 0:
		return nil, fmt.Errorf("webhook: ReceiverOptions.Tolerance is negative: %w", store.ErrInvalid)
	}
	r.keys = keys
	return r, nil
}

// Verify returns the events of a request, one or, of a batch, several in their
// order. body is what came, byte for byte. The error wraps store.ErrDenied for a
// request that is not signed with one of the secrets, or at another time, and
// store.ErrInvalid for one that is signed and holds no events.
//
// That a request was sent before it does not notice: whoever needs to know keeps
// each Event.ID.
func (r *Receiver) Verify(h http.Header, body []byte) ([]Event, error) {
	if problem := r.problem(h, body); problem != "" {
		return nil, fmt.Errorf("webhook: %s: %w", problem, store.ErrDenied)
	}
	events, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w: %w", err, store.ErrInvalid)
	}
	return events, nil
}

// problem says why a request is not taken, "" for one that is.
func (r *Receiver) problem(h http.Header, body []byte) string {
	id, timestamp, signatures := h.Get(headerID), h.Get(headerTimestamp), h.Get(headerSignature)
	if id == "" || timestamp == "" || signatures == "" {
		return "the request is not signed"
	}
	// A '.' could move the ends of what is signed.
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strings.Contains(id, ".") {
		return "the request's id or timestamp is malformed"
	}
	if far := time.Since(time.Unix(seconds, 0)); far > r.tolerance || far < -r.tolerance {
		return "the request's timestamp is too far from now; check both clocks"
	}
	for given := range strings.FieldsSeq(signatures) {
		encoded, ours := strings.CutPrefix(given, version)
		if !ours {
			continue
		}
		sum, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, k := range r.keys {
			if hmac.Equal(sum, k.sign(id, timestamp, body)) {
				return ""
			}
		}
	}
	return "the request is signed with none of the secrets"
}

// maxRequest is how much of a body is read.
const maxRequest = 4 << 20

// Handler returns a handler that verifies each request and calls handle for each
// event, in their order and in the goroutine of the request. What it answers
// makes the sender do the right thing:
//
//	handle returned nil for all     204  done
//	it wraps store.ErrInvalid       422  this person is not sent again until they change
//	it is a *store.ThrottledError   429  with Retry-After: nobody is sent for so long
//	any other error                 503  it is sent again, later
//	the request is not signed       401  nobody is sent until somebody looks
//	the request holds no events     400
//
// The first error ends a batch, all of which is sent again. The answer does not
// hold the error's text.
func (r *Receiver) Handler(handle func(ctx context.Context, e Event) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "only POST is taken", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxRequest))
		if err != nil {
			tooLarge := new(http.MaxBytesError)
			if errors.As(err, &tooLarge) {
				http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
				return
			}
			http.Error(w, "the request broke off", http.StatusServiceUnavailable)
			return
		}
		events, err := r.Verify(req.Header, body)
		switch {
		case errors.Is(err, store.ErrDenied):
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, e := range events {
			if err := handle(req.Context(), e); err != nil {
				refuse(w, err)
				return
			}
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	throttled, ok := errors.AsType[*store.ThrottledError](err)
	switch {
	case errors.Is(err, store.ErrInvalid):
		status = http.StatusUnprocessableEntity
	case ok:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(max(throttled.After, time.Second).Seconds()))))
	}
	http.Error(w, http.StatusText(status), status)
}
