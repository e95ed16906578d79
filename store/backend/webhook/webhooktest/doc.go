// Package webhooktest has a double of a service that receives profiles from
// package webhook, for tests of bots and of other senders. It is an http.Handler:
//
//	service := webhooktest.New(secret)
//	srv := httptest.NewServer(service)
//	defer srv.Close()
//
//	b, err := webhook.New(srv.URL+"/hook", []string{secret}, nil)
//	...
//	ann, ok := service.Person("telegram:42")
//
// It is strict: it takes POST of JSON at any path, with a signature of the
// Standard Webhooks specification that is no older than five minutes, and with
// nothing in the body but what package webhook documents, in its place and of the
// right type. It checks signatures by itself, and shares no code with package
// webhook. It keeps the last update of each person, and drops and counts those that
// come again or are older.
package webhooktest
