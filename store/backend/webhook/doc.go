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
//	key      the channelUserId, made of channel and user_id
//	profile  the whole person as they are now, in the form of store.Profile: the
//	         standard claims of OpenID Connect, what the channel adds, nicks and
//	         custom. What has no value is left out
//	fields   what changed since the last event that was accepted
//	cleared  those of fields that have no value any more
//	all      true when fields names all that has a value: the first event of
//	         somebody, or one that was asked for by a resync. Else left out
//
// A "profile.erased" has no profile, fields, cleared and all: remove all that you
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
// # Duplicates
//
// Whoever keeps the ids of the updates that were processed can drop those that
// come again. An id is the same when the same change is sent again, because the
// answer was an error or got lost. It differs once an event was accepted in
// between, so that somebody who is called Bob for a minute and then Ann again is
// not taken for a duplicate of Ann. Never drop an erasure, and erase the ids of
// that person with it: the ids of somebody who comes back begin anew.
//
// This is what it does not cover. A retry has a new id when something else of the
// profile moved meanwhile, last_seen too, and when the first secret was changed.
// And a change that came, was taken back and came again has its first id again
// where all three were sent, none was answered, and neither first_seen nor
// last_seen moved, as it is with values that the bot's author sets by hand. So
// keep ids for minutes rather than for days. An event is a state rather than a
// step, so that to process one twice does no harm either.
package webhook
