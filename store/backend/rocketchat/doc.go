// Package rocketchat keeps the people of a chatbot as users of a Rocket.Chat
// server, or as visitors of its Livechat:
//
//	b, err := rocketchat.New(userID, token, &rocketchat.Options{BaseURL: "https://chat.example.com"})
//	mw, err := middleware.New(st, &middleware.Options{Backends: []store.Backend{b}})
//
// userID and token are those of a personal access token. Make it in the profile
// of an account that has the permissions create-user, edit-other-user-info and
// view-full-other-user-info, and tick "Ignore Two Factor Authentication":
// without that the server asks for a second factor, which [Options.Password] can
// only give where it is the password.
//
// # Which account is whose
//
// A person is the account "telegram_42", with the address
// "telegram_42@rollcall.invalid" (see [Options.EmailDomain]), which no mail ever
// reaches, and a random password that nobody knows. That address is the mark by
// which the account is known to be ours. An account that has the username and
// not the mark belongs to a human being, and is never touched: the delivery fails
// for good, unless [Options.Adopt] says otherwise. Usernames stay as they are when
// people rename themselves on the channel, since a new username rewrites messages
// all over the server.
//
// # What is sent
//
// The name, nickname and bio, and what [Options.Custom] names: any field, to a
// custom field of the server's own choice. Only what changed is sent, but
// bio and nickname go along each time as they are on the server, because it
// erases them otherwise, and so do the other custom fields, because servers of
// before 2026 replace them all. Where that leaves nothing to change, no call is
// made. Roles, password, activity and the like are never sent for anybody.
// store.Restrict keeps in what the server is not to know. The hooks get the account
// as a *[User] in Outcome.Remote.
//
// A name may not hold < > \ / and %. These become the full-width forms ＜ ＞ ＼ ／
// ％. Nicknames are cut to 120 and bios to 260 characters. Somebody without a name
// is shown by the channelUserId.
//
// A custom field that is not defined in the settings of the server (Accounts,
// Registration, Custom Fields) is dropped there without a word. That is found
// out: all else of the delivery has then arrived, its error names the field, and
// that field alone is in the dead letter. So it is with an address, by
// [Options.Emails], that another account holds.
//
// # Limits
//
// A server allows 10 calls a minute to each endpoint, to those who have not the
// permission api-bypass-rate-limit, and says so in its headers. The backend keeps
// count of them and asks for a pause instead of making a call that would be
// refused. Accounts of the roles admin and bot have that permission.
//
// # Erasing
//
// [Backend.Erase] deletes the account with users.delete, which needs the
// permission delete-user. What becomes of the messages is the server's setting
// Message_ErasureType: deleted, kept, or put under the name of another. Rooms
// that only this account owned pass to another member, or go. Accounts that were
// adopted are kept, and reported with [store.ErrCannotErase].
//
// # Livechat
//
// [NewVisitor] is another backend, which registers people as visitors: lighter
// than accounts, outside of the workspace's members, and at home where agents
// answer. It needs no credentials. The hooks get a *[Visitor].
//
// Wire formats: https://developer.rocket.chat/apidocs and, where that is silent,
// https://github.com/RocketChat/Rocket.Chat.
package rocketchat
