package backendtest

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// A quietBackend is for a crm that answers an erasure by 204.
type quietBackend struct {
	*backend
	erased func(answer rest.Answer) bool
}

func (b quietBackend) Erase(ctx context.Context, key store.Key, _ string) error {
	id, err := b.find(ctx, key)
	if err != nil || id == "" {
		return err
	}
	answer, err := b.client.Call(ctx, rest.Request{Method: http.MethodDelete, Path: "people/" + url.PathEscape(id)})
	switch {
	case rest.Status(err) == http.StatusNotFound:
		return nil
	case err == nil && !b.erased(answer):
		return answer.RefusalAs(store.ErrUnavailable, "")
	}
	return err
}

func quiet(erased func(answer rest.Answer) bool) Fixture {
	f := newFixture()
	f.Double.(*crm).quiet = true
	f.Backend = func(baseURL string) (store.Backend, error) {
		b, err := newBackend(baseURL)
		if err != nil {
			return nil, err
		}
		return quietBackend{b, erased}, nil
	}
	return f
}

func TestAServiceMayEraseWithoutAWord(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, prop := range properties {
		r := prop.check(testProbe(t, quiet(func(a rest.Answer) bool { return a.Status == http.StatusNoContent })))
		if r.problem != "" {
			t.Errorf("%s: %s", prop.name, r.problem)
		}
	}
}

func TestErasingWithoutAWordIsNotAnyAnswer(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	wantFailure(t, "false-success", quiet(func(rest.Answer) bool { return true }))
	wantFailure(t, "false-success", quiet(func(a rest.Answer) bool { return len(a.Body) == 0 }))
}

// TestAWordlessErasureIsNotForAllServices has a service that says more than 204.
func TestAWordlessErasureIsNotForAllServices(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	f := quiet(func(a rest.Answer) bool { return a.Status == http.StatusNoContent || len(a.Body) > 20 })
	f.Double.(*crm).quiet = false
	wantFailure(t, "false-success", f)
}
