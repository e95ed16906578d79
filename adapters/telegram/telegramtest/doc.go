// Package telegramtest runs a Telegram Bot API server on loopback, for tests and
// demonstrations of bots. A bot of any Bot API library talks to it as to
// api.telegram.org, by polling or by webhook; no token and no network is needed.
//
//	srv, err := telegramtest.NewServer(nil)
//	defer srv.Close()
//
//	bot, err := tele.NewBot(tele.Settings{URL: srv.URL(), Token: srv.Token(), Poller: &tele.LongPoller{Timeout: 10 * time.Second}})
//	go bot.Start()
//
//	ann := telegramtest.User{ID: 42, FirstName: "Ann"}
//	srv.Push(telegramtest.Message(ann, telegramtest.Private(ann), "hello"))
//	srv.Wait(ctx)           // the bot has fetched it
//	srv.WaitSent(ctx, 1)    // the bot has answered
//
// That the bot has fetched an update does not mean that it has looked at it. To
// look at profiles, wait for the bot's answer or for an Outcome in OnOutcome, and
// then for Middleware.Flush.
//
// [Server.Push] takes the updates that the functions of this package make, such
// as [Message], [Start], [Callback] and [Blocked], and raw ones as
// json.RawMessage.
//
// # What is faithful, and what is not
//
// Long polling follows the documentation and the official server: a positive
// offset confirms, a negative one counts from the end, limit and timeout hold, a
// second poll ends the first with 409, and so does a webhook. Webhooks get one
// request an update, in order, with the secret token in its header, and again
// until the answer is 2xx. Errors are the envelopes that Telegram sends: 401 for
// a wrong token, 404 for an unknown method, and what [Server.Fail] orders, such
// as 429 with retry_after.
//
// The other methods are recorded and answered with a plausible result: nothing
// is kept of chats, files and members. The server remembers allowed_updates and
// delivers every kind all the same, since whoever pushes an update wants it
// seen. Webhooks may be plain http, and must be on a loopback address, so that
// no test ever reaches out.
//
// Wire formats: https://core.telegram.org/bots/api.
package telegramtest
