// Package natstest runs the tests of store/natsstore that need a server, against
// the real nats-server inside of the test's process: one node, and three nodes
// that form a cluster, on loopback. It is a module of its own, so that
// the server and what it needs get into nobody else's go.sum:
//
//	cd internal/natstest && go test ./...
package natstest
