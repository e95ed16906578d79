// Package monosaytest has a double of Monosay's service for tests of bots and of
// what sends to it. It is an http.Handler:
//
//	service := monosaytest.New("token", nil)
//	srv := httptest.NewServer(service)
//	defer srv.Close()
//
//	b, err := monosay.New("token", &monosay.Options{BaseURL: srv.URL})
//	...
//	ann, ok := service.User("telegram:42")
//
// # What is faithful, and what is not
//
// The address, the header, the fields and the envelope of answers are those that
// the vendor's own client shows (https://github.com/monosay/monosay-nodejs). The
// service itself is documented nowhere, so all that the client leaves open is an
// option: test your bot with both values of those that matter to you. Answers
// that only a broken service gives are ordered with [Service.Reply].
package monosaytest
