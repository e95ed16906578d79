// Package webhook tells any service of changes in people's profiles, by signed
// HTTP requests in the form of the Standard Webhooks specification
// (https://www.standardwebhooks.com, version 1.0.0), for which libraries exist in
// most languages.
//
//	b, err := webhook.New("https://crm.example.com/hooks/rollcall", []string{secret}, nil)
//	...
//	mw, err := middleware.New(st, &middleware.Options{Backends: []store.Backend{b}})
//
// Make the secret with
//
//	echo "whsec_$(openssl rand -base64 32)"
//
// A receiver in Go is this; see [Receiver]:
//
//	receiver, err := webhook.NewReceiver([]string{secret}, nil)
//	...
//	http.Handle("/hooks/rollcall", receiver.Handler(func(ctx context.Context, e webhook.Event) error {
//		return crm.Save(ctx, e.Key, e.Profile)
//	}))
//
// # The request
//
// A POST with three headers beside those of JSON:
//
//	webhook-id         names the event, msg_ and 32 hexadecimal digits
//	webhook-timestamp  when this attempt was made, seconds since 1970
//	webhook-signature  v1,<base64 of HMAC-SHA256>, one for each secret, with spaces between
//
// What is signed is the id, the timestamp and the body, with a '.' between them.
// The body is one event, or with Options.Batch a JSON array of them:
//
//	{
//	  "id": "msg_0b8e1a0e5b0d4e6f8a3c2b1d9e7f6a5c",
//	  "type": "profile.updated",
//	  "version": 7,
//	  "key": "telegram:42",
//	  "channel": "telegram",
//	  "user_id": "42",
//	  "profile": {"channel": "telegram", "user_id": "42", "name": "Ann Lee", "given_name": "Ann", "family_name": "Lee"},
//	  "fields": ["family_name", "name", "username"],
//	  "cleared": ["username"]
//	}
//
//	id       names the event; the webhook-id where it comes alone
//	type     "profile.updated" or "profile.erased". More may come: pass over others
//	version  grows with each change of this person
//	key      the channelUserId, made of channel and user_id
//	profile  the whole person as they are now, in the form of store.Profile: the
//	         standard claims of OpenID Connect, what the channel adds, nicks and
//	         custom. What has no value is left out, and what store.Restrict keeps in
//	fields   what changed since the last event that was accepted
//	cleared  those of fields that have no value any more
//	all      true when fields names all that has a value: the first event of
//	         somebody, or one that was asked for by a resync. Else left out
//
// A "profile.erased" has no version, profile, fields, cleared and all: remove all that you
// hold of this person. There is no time of the event in the body, since what is
// sent is how the person is, not what happened to them. The file event.schema.json
// beside this one is the JSON Schema of an event.
//
// # Answers
//
// Any 2xx is an acceptance, whatever the body. Other answers count as package rest
// says: after 400, 409, 413 and 422 this person is not sent again until they
// change, after 401, 403 and redirects nobody is until it works again, and all
// others, 404 and 410 among them, are tried again. Retry-After is heeded.
//
// # What may leave the house
//
// By default all of a profile is sent, phone number and address among it. Name what
// the receiver needs, and nothing else is sent or even delivered for:
//
//	asked := []store.Field{store.FieldName, store.FieldUsername, store.FieldLocale}
//	backend := store.Restrict(b, func(f store.Field) bool { return slices.Contains(asked, f) })
//
// # Duplicates, and what is older
//
// An event is a state rather than a step, so to take one twice does no harm. It may
// be sent again when the answer was an error or got lost, and then has the same id:
// the id is made of all that the event says, but for first_seen and last_seen. So
// two events of one id say the same, and whoever drops ids that they have seen
// misses nothing that the version would not tell them too. A resync, a person who
// was erased and comes back, and a change that is taken back and made again have new
// ids. It is new as well when the first secret or Options.Name was changed. An
// erasure is never a duplicate: its id may come again where nothing was accepted
// before it.
//
// Events of one person are sent one after the other. Where something on the way,
// such as a queue, may put them in another order, keep the version beside the
// person, and drop what is below it, but for an event with all: versions begin anew
// when the backend is withdrawn from the store (store.Outbox) and enrolled again,
// and the first event of everybody has all then. Erase the version with the person.
package webhook
