// Package monosay keeps the channel users of Monosay (https://www.monosay.com) in
// step with a store.
//
//	b, err := monosay.New(token, &monosay.Options{Channel: "telegram"})
//	...
//	mw, err := middleware.New(st, &middleware.Options{Backends: []store.Backend{b}})
//
// The token is that of one channel in Monosay's console. Somebody who is known
// there already is updated, and anybody else added.
//
//	Monosay           rollcall
//	channelUserId     the user id with Options.Channel, else the channelUserId
//	name              given_name, or else name
//	surname           family_name
//	userName          username
//	profilePhotoUrl   picture
//	email             email
//
// Discord knows no given names, and many people state none: their whole name goes
// to "name", so that it is there whenever any name is known. Whoever states a
// family name alone has it in both places. store.Restrict keeps in what Monosay is
// not to know. The hooks get the answer as an *[Answer] in Outcome.Remote.
//
// # What is known of the service
//
// Its documentation has no page on the HTTP API, so all that is known comes from
// its own client (https://github.com/monosay/monosay-nodejs): the address, the
// header, the fields, and that an answer is a success when its status is 200 or
// 201 and its "success" is true. What that client leaves open is an option here,
// and a setting of the double in package monosaytest: whether the service forgets
// fields that are not sent, what takes a value away, and whether ids are texts or
// numbers. To find out for your account, take the answers of one test user with
// each setting.
//
// No way is known to read or to erase a channel user, so a [Backend] is no
// store.Eraser: whom you forget has to be erased in Monosay's console by hand.
package monosay
