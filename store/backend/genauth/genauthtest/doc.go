// Package genauthtest is a double of GenAuth, for tests and demonstrations of
// bots: the user pool of the Management API and the update-profile of an app, in
// memory.
//
//	service := genauthtest.New(nil)
//	server := httptest.NewServer(service)
//	defer server.Close()
//
//	backend, err := genauth.New(service.AccessKeyID(), service.AccessKeySecret(), &genauth.Options{BaseURL: server.URL})
//	...
//	account, ok := service.Account("telegram:42")
//
// What people's own accounts hold is changed with the token of [Service.SignIn],
// and the service is put out of order by [Service.Fail] and
// [Service.ExpireTokens].
//
// # What is faithful, and what is not
//
// As with the service, nearly every failure comes as HTTP 200 with a statusCode in
// the body, and too many calls as HTTP 429. A token of get-management-token is
// good for two hours. A signature is checked as the vendor's JavaScript would make
// it. username, email, phone and externalId are unique, email in any case;
// create-user wants one of the first three; customData is told only to those who
// ask withCustomData, and takes only defined keys and values of their type; gender,
// status and birthdate are checked.
//
// A request with a key that the documentation does not know is refused, so that
// mistakes are found. What is not documented is an option of [Options], such as
// what becomes of undefined custom keys. Nothing is limited in number, and only
// the calls that a backend needs are there: get-management-token, get-user,
// create-user, update-user, delete-users-batch, is-user-exists,
// get-custom-fields, get-profile and update-profile.
//
// Wire formats: https://docs.genauth.ai/reference/sdk/node/management/ and
// https://github.com/Authing/authing-docs-factory.
package genauthtest
