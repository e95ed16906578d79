package genauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

const language = "en-US" // of the messages, which nobody reads

// A call is one request of the API. Its params are the query of a GET and the
// body of a POST.
type call struct {
	method, path string
	params       object
}

// A client makes calls.
type client struct {
	rest *rest.Client
	// authorize returns the headers that let a call in. stale is what it
	// returned before and was not accepted, nil for nothing.
	authorize func(ctx context.Context, c call, stale http.Header) (http.Header, error)
	// renews means that authorize can do better when it is told what is stale.
	renews bool
}

// do makes one call and returns the data of its answer. An answer that the
// credentials are not accepted has them renewed once, where they can be.
func (c *client) do(ctx context.Context, r call) (json.RawMessage, error) {
	header, err := c.authorize(ctx, r, nil)
	if err != nil {
		return nil, err
	}
	data, err := c.send(ctx, r, header)
	if err == nil || !c.renews || !outdated(err) {
		return data, err
	}
	if header, err = c.authorize(ctx, r, header); err != nil {
		return nil, err
	}
	return c.send(ctx, r, header)
}

func (c *client) send(ctx context.Context, r call, header http.Header) (json.RawMessage, error) {
	request := rest.Request{Method: r.method, Path: r.path, Header: header}
	if r.method == http.MethodGet {
		request.Query = make(url.Values, len(r.params))
		for key, value := range r.params {
			request.Query.Set(key, fmt.Sprint(value))
		}
	} else {
		body, err := appendJSON(nil, r.params)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, store.ErrInvalid)
		}
		request.Body = body
	}
	answer, err := c.rest.Call(ctx, request)
	return open(answer, err)
}

// account makes a call that is answered with an account.
func (c *client) account(ctx context.Context, r call) (*User, json.RawMessage, error) {
	data, err := c.do(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	u, ok := decodeUser(data)
	if !ok {
		return nil, nil, fmt.Errorf("%s answered without an account: %w", c.rest.Host(), store.ErrUnavailable)
	}
	return u, data, nil
}

// prefixOf is the prefix of the headers of the service at base: what the vendor's
// client for that host sends.
func prefixOf(prefix, base string) (string, error) {
	switch prefix {
	case "":
		u, err := url.Parse(base)
		if err == nil && (u.Hostname() == "genauth.ai" || strings.HasSuffix(u.Hostname(), ".genauth.ai")) {
			return PrefixGenAuth, nil
		}
		return PrefixAuthing, nil
	case PrefixAuthing, PrefixGenAuth:
		return prefix, nil
	}
	return "", fmt.Errorf("genauth: Options.Prefix is neither PrefixAuthing nor PrefixGenAuth: %w", store.ErrInvalid)
}

// inHeader reports whether s can be sent in a header as it is.
func inHeader(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
