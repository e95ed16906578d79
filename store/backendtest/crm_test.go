package backendtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

const (
	token     = "crm-Token-5d0e"
	undefined = store.Field("custom.shoe_size")
)

// A crm is a foreign service. It finds people by a reference, which is our key,
// and knows them by an id of its own. Usernames are unique in it. It takes all of a
// request or nothing, and then says which fields are at fault.
type crm struct {
	mu     sync.Mutex
	people map[string]map[store.Field]string // by id
	refs   map[string]string                 // id by reference
	ids    int

	backends int  // that were made for it
	quiet    bool // 204 for an erasure, without a body
}

type crmPerson struct {
	Ref    string
	Fields map[store.Field]string // "" clears
}

func newCRM() *crm {
	return &crm{people: make(map[string]map[store.Field]string), refs: make(map[string]string)}
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	status, id := c.answer(r)
	if c.quiet && r.Method == http.MethodDelete && status == http.StatusOK {
		status = http.StatusNoContent
	}
	w.WriteHeader(status)
	switch status {
	case http.StatusOK:
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "id": id})
	case http.StatusUnprocessableEntity:
		_ = json.NewEncoder(w).Encode(map[string]any{"field": id})
	}
}

// answer returns a field in the place of the id where it is at fault.
func (c *crm) answer(r *http.Request) (status int, id string) {
	if r.Header.Get("X-Token") != token {
		return http.StatusUnauthorized, ""
	}
	id = strings.TrimPrefix(r.URL.Path, "/people/")
	var body crmPerson
	if r.Method == http.MethodPost || r.Method == http.MethodPatch {
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			return http.StatusBadRequest, ""
		}
		if _, there := body.Fields[undefined]; there {
			return http.StatusUnprocessableEntity, string(undefined)
		}
	}
	switch r.Method {
	case http.MethodGet:
		if id = c.refs[r.URL.Query().Get("ref")]; id == "" {
			return http.StatusNotFound, ""
		}
		return http.StatusOK, id
	case http.MethodPost:
		if c.refs[body.Ref] != "" {
			return http.StatusConflict, ""
		}
		id = ""
	default:
		if c.people[id] == nil {
			return http.StatusNotFound, ""
		}
	}
	if r.Method == http.MethodDelete {
		maps.DeleteFunc(c.refs, func(_, other string) bool { return other == id })
		delete(c.people, id)
		return http.StatusOK, id
	}
	if name := body.Fields[store.FieldUsername]; name != "" {
		for other, fields := range c.people {
			if other != id && strings.EqualFold(fields[store.FieldUsername], name) {
				return http.StatusUnprocessableEntity, string(store.FieldUsername)
			}
		}
	}
	if id == "" {
		id = c.add(body.Ref)
	}
	maps.Copy(c.people[id], body.Fields)
	return http.StatusOK, id
}

func (c *crm) add(ref string) (id string) {
	c.ids++
	id = strconv.Itoa(c.ids)
	c.people[id] = make(map[store.Field]string)
	c.refs[ref] = id
	return id
}

func (c *crm) holds(key store.Key) (map[store.Field]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ref := key.String()
	if key.IsZero() {
		ref = "somebody else"
	}
	fields, ok := c.people[c.refs[ref]]
	return maps.Clone(fields), ok
}

func (c *crm) occupy(key store.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := Person(key)
	c.people[c.add("somebody else")][store.FieldUsername] = p.Username
}

func (c *crm) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.people)
}

// A backend for the crm, which is right.
type backend struct {
	client *rest.Client
}

func newBackend(baseURL string) (*backend, error) {
	client, err := rest.New(baseURL, &rest.Options{Header: http.Header{"X-Token": {token}}})
	if err != nil {
		return nil, fmt.Errorf("crm: %w", err)
	}
	return &backend{client: client}, nil
}

func (b *backend) Name() string         { return "crm" }
func (b *backend) Traits() store.Traits { return store.Traits{} }

func (b *backend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	id, err := b.find(ctx, d.Profile.Key)
	receipt := store.Receipt{Remote: id}
	if err == nil {
		receipt, err = b.part(ctx, id, d)
	}
	if err != nil {
		err = fmt.Errorf("crm: deliver %s: %w", d.Profile.Key, err)
	}
	return receipt, err
}

// part writes without the fields that are refused.
func (b *backend) part(ctx context.Context, id string, d store.Delivery) (store.Receipt, error) {
	var refused []store.Field
	for {
		written, err := b.write(ctx, id, d)
		at, ok := errors.AsType[*faultError](err)
		switch {
		case ok && d.Has(at.field):
			refused = append(refused, at.field)
			d.Fields = slices.DeleteFunc(slices.Clone(d.Fields), func(f store.Field) bool { return f == at.field })
		case err != nil || refused == nil:
			return store.Receipt{Remote: cmp.Or(written, id)}, err
		default:
			return store.Receipt{Remote: written, Refused: refused}, fmt.Errorf("all but %v arrived: %w", refused, store.ErrInvalid)
		}
	}
}

// A faultError says which field the crm will not take.
type faultError struct {
	error
	field store.Field
}

func (e *faultError) Unwrap() error { return e.error }

// find returns "" where there is nobody.
func (b *backend) find(ctx context.Context, key store.Key) (id string, err error) {
	answer, err := b.client.Call(ctx, rest.Request{Method: "GET", Path: "people", Query: url.Values{"ref": {key.String()}}})
	if answer.Status == http.StatusNotFound {
		return "", nil
	}
	return idOf(answer, err)
}

func (b *backend) write(ctx context.Context, id string, d store.Delivery) (string, error) {
	body := crmPerson{Ref: d.Profile.Key.String(), Fields: make(map[store.Field]string)}
	for _, f := range d.Fields {
		body.Fields[f] = d.Profile.Value(f)
	}
	r := rest.Request{Method: "POST", Path: "people", Body: body}
	if id != "" {
		r.Method, r.Path = "PATCH", "people/"+url.PathEscape(id)
	}
	return idOf(b.client.Call(ctx, r))
}

func idOf(answer rest.Answer, err error) (string, error) {
	var reply struct {
		OK    bool        `json:"ok"`
		ID    string      `json:"id"`
		Field store.Field `json:"field"`
	}
	if answer.Status == http.StatusUnprocessableEntity && answer.Decode(&reply) == nil {
		return "", &faultError{err, reply.Field}
	}
	if err == nil {
		err = answer.Decode(&reply)
	}
	if err == nil && (!reply.OK || reply.ID == "") {
		err = answer.RefusalAs(store.ErrUnavailable, "")
	}
	return reply.ID, err
}

func (b *backend) Erase(ctx context.Context, key store.Key, _ string) error {
	id, err := b.find(ctx, key)
	if err == nil && id != "" {
		_, err = idOf(b.client.Call(ctx, rest.Request{Method: "DELETE", Path: "people/" + url.PathEscape(id)}))
	}
	if err != nil {
		return fmt.Errorf("crm: erase %s: %w", key, err)
	}
	return nil
}

func newFixture() Fixture {
	double := newCRM()
	return Fixture{
		Backend: func(baseURL string) (store.Backend, error) { return newBackend(baseURL) },
		Double:  double, Holds: double.holds, Count: double.count, Secrets: []string{token},
		Occupy: double.occupy, Undefined: undefined,
	}
}

// forgetReference leaves a person there whom nobody finds any more.
func (c *crm) forgetReference(key store.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.people[c.refs[key.String()]], store.FieldUsername)
	delete(c.refs, key.String())
}

// takeOver writes a delivery over somebody.
func (c *crm) takeOver(d store.Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, fields := range c.people {
		if id != c.refs[d.Profile.Key.String()] {
			fields[store.FieldGivenName] = "taken over"
		}
	}
}

func (c *crm) eraseAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.people)
	clear(c.refs)
}

// clear takes a field away from everybody.
func (c *crm) clear(f store.Field) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, fields := range c.people {
		delete(fields, f)
	}
}

// makes counts the backends that are made for this service, and made returns how
// many there are.
func (c *crm) makes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.backends++
}

func (c *crm) made() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.backends
}
