package backendtest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
)

// A mutant is a backend that is right but for one thing. Its functions, where
// they are not nil, stand in for the methods of the right backend within it.
type mutant struct {
	*backend
	service *crm
	base    string

	mu      sync.Mutex // of what single mutants remember
	name    func() string
	traits  func() store.Traits
	deliver func(ctx context.Context, d store.Delivery) (store.Receipt, error)
	erase   func(ctx context.Context, key store.Key, remote string) error
}

func (m *mutant) Name() string {
	if m.name != nil {
		return m.name()
	}
	return m.backend.Name()
}

func (m *mutant) Traits() store.Traits {
	if m.traits != nil {
		return m.traits()
	}
	return m.backend.Traits()
}

func (m *mutant) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	if m.deliver != nil {
		return m.deliver(ctx, d)
	}
	return m.backend.Deliver(ctx, d)
}

func (m *mutant) Erase(ctx context.Context, key store.Key, remote string) error {
	if m.erase != nil {
		return m.erase(ctx, key, remote)
	}
	return m.backend.Erase(ctx, key, remote)
}

// first makes the mutant change each delivery before it is carried out.
func (m *mutant) first(change func(d *store.Delivery)) {
	m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
		change(&d)
		return m.backend.Deliver(ctx, d)
	}
}

// values makes the mutant change each text that it delivers.
func (m *mutant) values(change func(text string) string) {
	m.first(func(d *store.Delivery) {
		d.Profile.GivenName, d.Profile.Bio = change(d.Profile.GivenName), change(d.Profile.Bio)
	})
}

// errs makes the mutant return another error of a delivery that failed.
func (m *mutant) errs(change func(err error, d store.Delivery) error) {
	m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
		r, err := m.backend.Deliver(ctx, d)
		if err != nil {
			err = change(err, d)
		}
		return r, err
	}
}

// takes makes the mutant return kind where it should return another one.
func (m *mutant) takes(of error, kind error) {
	m.errs(func(err error, _ store.Delivery) error {
		if errors.Is(err, of) {
			return kind
		}
		return err
	})
}

// asks makes the mutant ask the service before each delivery, without the care
// that package rest takes, and judge the answer itself.
func (m *mutant) asks(c *http.Client, judge func(resp *http.Response, err error) error) {
	m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
		defer c.CloseIdleConnections()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+"/hello?name="+d.Profile.GivenName, nil)
		if err != nil {
			return store.Receipt{}, err
		}
		req.Header.Set("X-Token", token)
		resp, err := c.Do(req)
		if resp != nil {
			defer resp.Body.Close()
		}
		if err := judge(resp, err); err != nil {
			return store.Receipt{}, err
		}
		return m.backend.Deliver(ctx, d)
	}
}

var mutants = []struct {
	name, caught string
	breaks       func(m *mutant)
}{
	{"has a name with a capital", "usable", func(m *mutant) { m.name = func() string { return "CRM" } }},
	{"has another name each time it is made", "usable", func(m *mutant) { m.name = func() string { return fmt.Sprintf("crm-%p", m) } }},
	{"has negative traits", "usable", func(m *mutant) { m.traits = func() store.Traits { return store.Traits{InFlight: -1} } }},
	{"takes nothing", "usable", func(m *mutant) {
		m.traits = func() store.Traits { return store.Traits{Takes: func(store.Field) bool { return false }} }
	}},
	{"changes its mind about its traits", "usable", func(m *mutant) {
		asked := 0
		m.traits = func() store.Traits { asked++; return store.Traits{InFlight: asked} }
	}},

	{"leaves a field out", "creates", func(m *mutant) {
		m.first(func(d *store.Delivery) {
			d.Fields = slices.DeleteFunc(d.Fields, func(f store.Field) bool { return f == store.FieldPicture })
		})
	}},
	{"delivers only to those who are there", "creates", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if id, err := m.find(ctx, d.Profile.Key); id == "" {
				return store.Receipt{}, err
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"has a receipt that is too long", "creates", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			_, err := m.backend.Deliver(ctx, d)
			return store.Receipt{Remote: strings.Repeat("r", 513)}, err
		}
	}},
	{"takes it that who was delivered is there", "nameless", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if id, err := m.find(ctx, d.Profile.Key); id == "" && (!d.All || len(d.Fields) < 2) {
				return store.Receipt{}, err
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"has no idea what to do without a name", "nameless", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if d.Profile.Name == "" {
				return store.Receipt{}, store.ErrUnavailable
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"creates each time", "same-twice", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			id, err := m.write(ctx, "", d)
			return store.Receipt{Remote: id}, err
		}
	}},
	{"creates where the receipt was lost", "same-twice", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if d.Remote == "" {
				m.service.forgetReference(d.Profile.Key)
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"sends the whole person each time", "partial", func(m *mutant) {
		m.first(func(d *store.Delivery) { d.Fields = d.Profile.Stated() })
	}},
	{"omits what is empty", "clears", func(m *mutant) {
		m.first(func(d *store.Delivery) {
			d.Fields = slices.DeleteFunc(d.Fields, func(f store.Field) bool { return d.Profile.Value(f) == "" })
		})
	}},
	{"clears for ever", "sets-again", func(m *mutant) {
		cleared := make(map[store.Field]bool)
		m.first(func(d *store.Delivery) {
			for _, f := range d.Cleared() {
				cleared[f] = true
			}
			d.Fields = slices.DeleteFunc(d.Fields, func(f store.Field) bool { return cleared[f] && d.Profile.Value(f) != "" })
		})
	}},
	{"sends one field a delivery", "stays-true", func(m *mutant) {
		m.first(func(d *store.Delivery) {
			if !d.All {
				d.Fields = d.Fields[:1]
			}
		})
	}},
	{"folds the case of ids", "keys-apart", func(m *mutant) {
		m.first(func(d *store.Delivery) { d.Profile.Key.UserID = strings.ToLower(d.Profile.Key.UserID) })
	}},
	{"forgets the channel", "keys-apart", func(m *mutant) {
		m.first(func(d *store.Delivery) { d.Profile.Key.Channel = "telegram" })
	}},
	{"trims ids", "keys-apart", func(m *mutant) {
		m.first(func(d *store.Delivery) { d.Profile.Key.UserID = strings.TrimSpace(d.Profile.Key.UserID) })
	}},
	{"gives up on odd ids with the wrong error", "keys-apart", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if strings.Contains(d.Profile.Key.UserID, "/") {
				return store.Receipt{}, store.ErrUnavailable
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"cuts texts", "texts-exact", func(m *mutant) {
		m.values(func(text string) string { return string([]rune(text)[:min(60, len([]rune(text)))]) })
	}},
	{"keeps ASCII alone", "texts-exact", func(m *mutant) {
		m.values(func(text string) string {
			return strings.Map(func(r rune) rune { return min(r, 'z') }, text)
		})
	}},
	{"escapes texts", "texts-exact", func(m *mutant) {
		m.values(func(text string) string { return strings.ReplaceAll(text, "<", "&lt;") })
	}},
	{"refuses nearly everybody", "texts-exact", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			for _, f := range d.Fields {
				if strings.ContainsFunc(d.Profile.Value(f), func(r rune) bool { return r > '~' }) {
					return store.Receipt{}, store.ErrInvalid
				}
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"delivers half before it refuses", "texts-exact", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if strings.Contains(d.Profile.Bio, "<") {
				d.Profile.Bio = strings.ReplaceAll(d.Profile.Bio, "<", "")
				_, err := m.backend.Deliver(ctx, d)
				return store.Receipt{}, errors.Join(err, store.ErrInvalid)
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"takes over whoever has the username", "occupied", func(m *mutant) {
		m.errs(func(err error, d store.Delivery) error {
			if errors.Is(err, store.ErrInvalid) {
				m.service.takeOver(d)
			}
			return err
		})
	}},
	{"takes a conflict for an outage", "occupied", func(m *mutant) { m.takes(store.ErrInvalid, store.ErrUnavailable) }},
	{"takes an unknown custom field for an outage", "undefined-custom", func(m *mutant) { m.takes(store.ErrInvalid, store.ErrUnavailable) }},
	{"loses the others with an unknown custom field", "undefined-custom", func(m *mutant) {
		m.first(func(d *store.Delivery) {
			if slices.Contains(d.Fields, undefined) {
				d.Fields = []store.Field{store.FieldName}
			}
		})
	}},
	{"keeps the delivery in a variable", "concurrent", func(m *mutant) {
		var last store.Delivery
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			m.mu.Lock()
			last = d
			m.mu.Unlock()
			time.Sleep(time.Millisecond)
			m.mu.Lock()
			d = last
			m.mu.Unlock()
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"begins although it was given up", "cancelled", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			_, err := m.backend.Deliver(context.WithoutCancel(ctx), d)
			return store.Receipt{}, errors.Join(err, ctx.Err())
		}
	}},
	{"takes having been given up for a success", "cancelled", func(m *mutant) {
		m.errs(func(err error, _ store.Delivery) error {
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
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

	{"erases nobody", "erases", func(m *mutant) {
		m.erase = func(context.Context, store.Key, string) error { return nil }
	}},
	{"erases everybody", "erases", func(m *mutant) {
		m.erase = func(context.Context, store.Key, string) error {
			m.service.eraseAll()
			return nil
		}
	}},
	{"cannot erase twice", "erases", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, _ string) error {
			if id, err := m.find(ctx, key); id == "" {
				return errors.Join(err, store.ErrNotFound)
			}
			return m.backend.Erase(ctx, key, "")
		}
	}},
	{"erases only with a receipt", "erases-unnoted", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, remote string) error {
			if remote == "" {
				return nil
			}
			return m.backend.Erase(ctx, key, remote)
		}
	}},
	{"says that it erased when it could not", "erases-truly", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, remote string) error {
			_ = m.backend.Erase(ctx, key, remote)
			return nil
		}
	}},
	{"gives erasing up at the first refusal", "erases-truly", func(m *mutant) {
		m.erase = func(ctx context.Context, key store.Key, remote string) error {
			if m.backend.Erase(ctx, key, remote) != nil {
				return store.ErrCannotErase
			}
			return nil
		}
	}},
	{"believes that who was there is still there", "vanished", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if d.Remote != "" {
				_, err := m.write(ctx, d.Remote, d)
				if err != nil && strings.Contains(err.Error(), "404") {
					err = nil
				}
				return store.Receipt{}, err
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
	{"updates somebody else in the place of who is gone", "vanished", func(m *mutant) {
		m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
			if id, err := m.find(ctx, d.Profile.Key); id == "" && d.Remote != "" && err == nil {
				m.service.takeOver(d)
			}
			return m.backend.Deliver(ctx, d)
		}
	}},
}

// packed asks for gzip and does not unpack it.
type packed struct{ *http.Transport }

func (p packed) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Accept-Encoding", "gzip")
	return p.Transport.RoundTrip(r)
}

func TestMutantsAreCaught(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, mu := range mutants {
		t.Run(mu.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.Backend = func(baseURL string) (store.Backend, error) {
				b, err := newBackend(baseURL)
				if err != nil {
					return nil, err
				}
				m := &mutant{backend: b, service: f.Double.(*crm), base: baseURL}
				mu.breaks(m)
				return m, nil
			}
			wantFailure(t, mu.caught, f)
		})
	}
}

func wantFailure(t *testing.T, name string, f Fixture) {
	t.Helper()
	i := slices.Index(Properties(), name)
	if i < 0 {
		t.Fatalf("there is no property %q", name)
	}
	r := properties[i].check(testProbe(t, f))
	if r.problem == "" {
		t.Fatalf("%q holds", name)
	}
	t.Log(r.problem, "because:", r.reason)
}

func TestEveryPropertyCatchesAMutant(t *testing.T) {
	caught := map[string]bool{"bad-address": true, "batch": true} // above
	for _, mu := range mutants {
		caught[mu.caught] = true
	}
	for _, name := range Properties() {
		if !caught[name] {
			t.Errorf("no mutant fails %q, so nothing shows that it can fail", name)
		}
	}
}
