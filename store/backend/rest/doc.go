// Package rest makes HTTP calls for backends, in the one way that is safe for
// everybody's names and tokens. The backends of this module stand on it, and so
// can yours:
//
//	c, err := rest.New("https://crm.example.com/api", &rest.Options{
//		Header: http.Header{"Authorization": {"Bearer " + token}},
//	})
//	...
//	func (b *Backend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
//		answer, err := b.client.Call(ctx, rest.Request{Method: "PUT", Path: "people/" + url.PathEscape(d.Profile.Key.String()), Body: ...})
//		var reply struct{ ID string }
//		if err == nil {
//			err = answer.Decode(&reply)
//		}
//		if err == nil && reply.ID == "" { // null and {} can be decoded as well, and the service says neither
//			err = answer.RefusalAs(store.ErrUnavailable, "")
//		}
//		if err != nil {
//			return store.Receipt{}, fmt.Errorf("crm: deliver %s: %w", d.Profile.Key, err)
//		}
//		return store.Receipt{Remote: reply.ID}, nil
//	}
//
// What it does that http.DefaultClient does not:
//
//   - Errors carry the host and the status and nothing else: no path, query,
//     header, body or token, neither of the request nor of the answer. They wrap
//     what [store.Backend] asks for, so that they can be returned as they are.
//   - Redirects are not followed: Go takes Authorization out for another host,
//     and leaves in X-Auth-Token and all the other headers that hold keys.
//   - An answer is read up to 1 MiB, counted after decompression.
//   - A path with a part that is "." or ".." and a header with a line break are
//     refused before anything is sent.
//   - TLS is verified, from version 1.2 on. Plain HTTP goes to loopback only,
//     unless Options.Insecure says otherwise.
//   - No proxy of the environment's is used for loopback, no cookie is kept.
package rest
