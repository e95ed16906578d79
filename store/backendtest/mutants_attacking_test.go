package backendtest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Mutants under a service that answers badly.
var attackingMutants = []mutation{
	{"names refused fields of an outage", "refused", func(m *mutant) {
		m.receipts(func(r *store.Receipt, err error) {
			if errors.Is(err, store.ErrUnavailable) {
				r.Refused = []store.Field{store.FieldBio}
			}
		})
	}},
	{"does not tell of the pause", "throttled", func(m *mutant) { m.takes(store.ErrUnavailable, store.ErrUnavailable) }},
	{"forgets how long the pause is", "throttled", func(m *mutant) {
		m.errs(func(err error, _ store.Delivery) error {
			if t, ok := errors.AsType[*store.ThrottledError](err); ok {
				return &store.ThrottledError{Err: t.Err}
			}
			return err
		})
	}},
	{"knows seconds only", "throttled", func(m *mutant) {
		m.errs(func(err error, _ store.Delivery) error {
			if t, ok := errors.AsType[*store.ThrottledError](err); ok && t.After%time.Second != 0 {
				return &store.ThrottledError{Err: t.Err}
			}
			return err
		})
	}},
	{"blames the person for an old token", "denied", func(m *mutant) { m.takes(store.ErrDenied, store.ErrInvalid) }},
	{"takes an old token for an outage", "denied", func(m *mutant) { m.takes(store.ErrDenied, store.ErrUnavailable) }},
	{"blames the person for an outage", "refused", func(m *mutant) { m.takes(store.ErrUnavailable, store.ErrInvalid) }},
	{"takes an outage for an old token", "refused", func(m *mutant) { m.takes(store.ErrUnavailable, store.ErrDenied) }},
	{"takes an outage for a success", "refused", func(m *mutant) { m.takes(store.ErrUnavailable, nil) }},
	{"takes silence for a refusal", "unanswered", func(m *mutant) { m.takes(store.ErrUnanswered, store.ErrUnavailable) }},
	{"waits for ever", "unanswered", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			return m.backend.Deliver(context.WithoutCancel(ctx), d)
		}
	}},
	{"believes every 200", "false-success", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			_, err := m.backend.Deliver(ctx, d)
			if err != nil && strings.Contains(err.Error(), "answered 2") {
				err = nil
			}
			return store.Receipt{}, err
		}
	}},
	{"believes every 200 that follows an erasure", "false-success", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, remote string) error {
			err := m.backend.Erase(ctx, key, remote)
			if err != nil && strings.Contains(err.Error(), "answered 2") {
				return nil
			}
			return err
		}
	}},
	{"blames the person for a page", "false-success", func(m *mutant) {
		m.errs(func(err error, _ store.Delivery) error {
			if strings.Contains(err.Error(), "answered 2") {
				return store.ErrInvalid
			}
			return err
		})
	}},
	{"reads all that comes", "too-much", func(m *mutant) {
		m.asks(&http.Client{}, func(resp *http.Response, err error) error {
			if err == nil {
				_, _ = io.ReadAll(resp.Body)
			}
			return nil
		})
	}},
	{"counts what it reads before it is unpacked", "too-much", func(m *mutant) {
		m.asks(&http.Client{Transport: packed{&http.Transport{DisableCompression: true}}}, func(resp *http.Response, err error) error {
			if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
				return nil
			}
			z, err := gzip.NewReader(io.LimitReader(resp.Body, 1<<20))
			if err == nil {
				_, _ = io.ReadAll(z)
			}
			return nil
		})
	}},
	{"reads headers as long as they come", "too-much", func(m *mutant) {
		m.asks(&http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: 1 << 30}}, func(*http.Response, error) error { return nil })
	}},
	{"follows redirects", "redirects", func(m *mutant) {
		m.asks(&http.Client{}, func(*http.Response, error) error { return nil })
	}},
	{"quotes the status line", "secrets-stay-in", func(m *mutant) {
		m.asks(&http.Client{}, func(resp *http.Response, err error) error {
			if err == nil && resp.StatusCode == http.StatusInternalServerError {
				return errors.New(resp.Status)
			}
			return nil
		})
	}},
	{"quotes the answer", "secrets-stay-in", func(m *mutant) {
		m.asks(&http.Client{}, func(resp *http.Response, err error) error {
			if err == nil && resp.StatusCode == http.StatusBadRequest {
				text, _ := io.ReadAll(resp.Body)
				return fmt.Errorf("%w: %s", store.ErrInvalid, text)
			}
			return nil
		})
	}},
	{"names the person in errors", "secrets-stay-in", func(m *mutant) {
		m.errs(func(err error, d store.Delivery) error { return fmt.Errorf("deliver %s: %w", d.Profile.GivenName, err) })
	}},
	{"names the path in errors", "secrets-stay-in", func(m *mutant) {
		m.errs(func(err error, _ store.Delivery) error { return fmt.Errorf("GET /people: %w", err) })
	}},
	{"names the query in errors", "secrets-stay-in", func(m *mutant) {
		m.errs(func(err error, d store.Delivery) error {
			return fmt.Errorf("ref=telegram%%3A%s: %w", d.Profile.Key.UserID, err)
		})
	}},
	{"names the address in errors", "secrets-stay-in", func(m *mutant) {
		m.errs(func(err error, _ store.Delivery) error { return fmt.Errorf("%s: %w", m.base, err) })
	}},
	{"passes on what net/http says", "unanswered", func(m *mutant) {
		m.asks(&http.Client{}, func(_ *http.Response, err error) error { return err })
	}},
	{"takes a lost answer for a refusal", "lost-answer", func(m *mutant) { m.takes(store.ErrUnanswered, store.ErrUnavailable) }},
	{"takes a lost answer for a success", "lost-answer", func(m *mutant) { m.takes(store.ErrUnanswered, nil) }},
	{"creates again after a lost answer", "lost-answer", func(m *mutant) {
		m.errs(func(err error, d store.Delivery) error {
			m.service.forgetReference(d.Profile.Key)
			return err
		})
	}},
}

// packed asks for gzip and does not unpack it.
type packed struct{ *http.Transport }

func (p packed) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Accept-Encoding", "gzip")
	return p.Transport.RoundTrip(r)
}
