// Package genauth delivers people to GenAuth, which is also called Authing: a
// service that keeps the accounts of an organisation's users.
//
//	backend, err := genauth.New(accessKeyID, accessKeySecret, nil)
//	mw, err := middleware.New(st, &middleware.Options{Backends: []store.Backend{backend}})
//
// There are two ways. [New] is for nearly everybody: with an access key of the user
// pool it calls the Management API, makes accounts for people who have none, and
// erases them. The account of a person is the one whose externalId is their
// channelUserId. [NewUser] is for an app whose users have signed in: with the
// access token of each it calls update-profile for them, which knows fewer fields
// and makes no accounts.
//
// # What goes where
//
//	name, given_name, family_name, middle_name   name, givenName, familyName, middleName
//	nickname, preferred_username                 nickname, preferredUsername
//	picture, profile, website                    photo, profile, website
//	email and whether it is verified             email, emailVerified
//	phone_number and whether it is verified      phone, phoneCountryCode, phoneVerified
//	gender, birthdate, zoneinfo, locale          the same; no birth date without a year
//	address.formatted                            address, formatted
//	address.street_address, locality, region     streetAddress, city, province and region
//	address.postal_code, country                 postalCode, country
//	username                                     by Options.FollowUsername: username
//	the field of Options.Company                 company
//	the field of Options.IdentityNumber          identityNumber
//	those of Options.Custom                      customData
//
// update-profile has no place for the parts of a name, preferred_username, profile,
// website, email, phone, zoneinfo and locale. Status, roles and passwords are never
// touched. store.Restrict keeps in what the pool is not to know. The hooks get the
// account as a *[User] in Outcome.Remote.
//
// # What cannot be accepted
//
// In a user pool username, email and phone number belong to one account each, and
// custom data takes what is defined before. A value that the service refuses for
// such a reason is left out, everything else is delivered, and what is missing
// becomes a dead letter which says why. It is tried again with the next change, of
// which no other field is sent, so that what somebody corrected there stays. A
// custom field that was defined, or defined otherwise, since the bot was started is
// seen then: define it and replay the dead letter.
//
// Nobody else's account is ever written to: to have it, delete the account that was
// made for the person, if there is one, give the other their channelUserId as
// externalId, and replay the dead letter.
//
// # What the documentation leaves open
//
// The service reports failures by a statusCode within HTTP 200, and this package
// goes by that and the apiCode beside it, never by the message, which is for people
// and translated. Whether an update merges custom data or replaces it, how a value
// is cleared, and which prefix of headers and which form of token an installation
// wants, are not documented or differ: see [Options].
//
// Tests of bots use the double of package genauthtest. The vendor's documentation:
// https://docs.genauth.ai.
package genauth
