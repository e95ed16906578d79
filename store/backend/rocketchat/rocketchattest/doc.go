// Package rocketchattest is a Rocket.Chat server for tests, as far as bots that
// keep people on it need one: users.info, users.create, users.update,
// users.delete, users.setAvatar, users.resetAvatar, and livechat/visitor.
//
//	service := rocketchattest.New(nil)
//	server := httptest.NewServer(service)
//	defer server.Close()
//
//	b, err := rocketchat.New(service.UserID(), service.Token(), &rocketchat.Options{BaseURL: server.URL})
//	...
//	user, ok := service.User("telegram_42")
//
// # What is faithful, and what is not
//
// Bodies are checked by the rules of Rocket.Chat's published schemas
// (https://www.npmjs.com/package/@rocket.chat/rest-typings, 8.8.1), types being
// converted as the server does. Refusals have the statuses, codes and texts of
// the server's source (https://github.com/RocketChat/Rocket.Chat), of before or
// after 8.0 as [Options] say. So do the traps: bio and nickname are erased by an
// update that does not mention them, custom fields that are not defined are
// dropped without a word, users.info finds an id where it was asked for a
// username, and a visitor of a known email address becomes the one who had it.
//
// Nothing else of a server is there: no login, rooms, messages or mail. To whom
// it would have sent mail, [Service.Mails] tells. Pictures are never fetched.
package rocketchattest
