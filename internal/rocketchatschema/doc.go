// Package rocketchatschema is a test: what the Rocket.Chat backend sends, and
// what its double makes of it, against the request schemas that Rocket.Chat
// publishes as the npm package @rocket.chat/rest-typings.
//
// Of version 8.8.1 of it these are asked: users.info, users.create, users.update,
// users.setAvatar, users.resetAvatar, and the answers 400 and 401. It declares
// users.delete and POST livechat/visitor as types alone, with no schema to ask.
// For DELETE livechat/visitor/:token it has one, of the token in the path: that
// call has no body. So the backend's own tests are all that checks these three.
//
// It needs Node and npm (on Debian: apt-get install nodejs npm), and the network
// for the first time. The test installs what package-lock.json names into .cache
// at the root of the repository and makes one file of it, which later runs find
// there. Where there is no Node the test is skipped, except in CI (CI=true) or
// with ROLLCALL_REQUIRE_NODE=1.
//
// The package does not install as it is: its dependency core-typings asks for a
// patched typia, which the overrides in package.json replace. Node cannot import
// its files one by one, so esbuild joins them. No install script is run.
package rocketchatschema
