package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

func Example() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"path":%q}`, r.URL.EscapedPath())
	}))
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	for _, token := range []string{"the-token", "an old one"} {
		c, err := rest.New(service.URL, &rest.Options{Header: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer c.Close()
		var reply struct {
			Path string `json:"path"`
		}
		answer, err := c.Call(ctx, rest.Request{Method: "GET", Path: "people/" + url.PathEscape("telegram:4/2")})
		if err == nil {
			err = answer.Decode(&reply)
		}
		fmt.Printf("%q, denied: %t\n", reply.Path, errors.Is(err, store.ErrDenied))
	}
	// Output:
	// "/people/telegram:4%2F2", denied: false
	// "", denied: true
}
