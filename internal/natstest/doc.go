// Package natstest runs the tests of store/natsstore that need a server, against
// the real nats-server, built into the test: one node, and three nodes that form a
// cluster, on loopback. It is a module of its own, so that the server and what it
// needs get into nobody else's go.sum:
//
//	cd internal/natstest && go test ./...
//
// Each node is a process of its own, so that it can be killed. Two tests take a
// size:
//
//	go test -run 'KilledLeaders|KillOfTheOneNode' -v . -kills 30
//	go test -run ManyPeople -v . -people 250000
package natstest
