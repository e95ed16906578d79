// Package pgtest gives tests a real Postgres.
//
// It takes the one that ROLLCALL_POSTGRES_DSN names, whose user may create
// schemas. Else it starts a private one from the binaries of this machine: in a
// temporary folder, on loopback with a random password, one for each test binary,
// and never as root. Where these are not there either it starts one in a container, by
// docker compose. What it started ends with the test binary, however that ends.
//
// Where there is none of these, the test is skipped and says what to install, or fails
// if CI is "true" or ROLLCALL_REQUIRE_SERVERS is set.
package pgtest
