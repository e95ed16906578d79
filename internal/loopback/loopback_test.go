package loopback_test

import (
	"net"
	"testing"

	"github.com/rollcall-go/rollcall/internal/loopback"
)

func TestAddressesAreFreeAndNobodyElses(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		addr, err := loopback.Address()
		if err != nil {
			t.Fatal(err)
		}
		if seen[addr] {
			t.Fatalf("%s was given to two", addr)
		}
		seen[addr] = true
	}
	for addr := range seen {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if seen[l.Addr().String()] {
			t.Fatalf("%s was given to who asked for any port", l.Addr())
		}
	}
}
