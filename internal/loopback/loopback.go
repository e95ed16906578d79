// Package loopback finds ports for the servers of tests that have to be told where to
// listen, or to listen again where they did before.
//
// A port that was asked of the system and given back may belong to somebody else by
// the time that it is needed: whatever listens on port 0 meanwhile, in this process or
// another, can be given it.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Systems give no port of this range to those who ask for any: Linux begins at 32768,
// macOS and Windows begin at 49152.
const first, beyond = 20000, 32000

var errAllTaken = errors.New("all were given to somebody in this process")

var (
	mu    sync.Mutex
	taken = make(map[int]bool)
)

// Port returns a port of 127.0.0.1 on which nobody listens, and which no other call in
// this process gets. The error is that of the last port that was tried in vain.
func Port() (port int, err error) {
	mu.Lock()
	defer mu.Unlock()
	err = errAllTaken
	for range 100 {
		port = first + rand.IntN(beyond-first)
		if taken[port] {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", address(port)); err == nil {
			taken[port] = true
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("loopback: no port is free: %w", err)
}

// Address is Port with 127.0.0.1 before it.
func Address() (string, error) {
	port, err := Port()
	return address(port), err
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
