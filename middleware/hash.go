package middleware

import "github.com/rollcall-go/rollcall/store"

// hashText hashes as much of s as Repair looks at, in the manner of wyhash: most
// texts of a profile are so short that to call anything costs more than to hash
// them.
func hashText(seed uint64, s string) uint64 {
	length := uint64(len(s))
	if length > 16 {
		s = s[:min(len(s), store.RepairLimit)]
		length = uint64(len(s))
		for len(s) > 16 {
			seed = combine(seed^load64(s), load64(s[8:]))
			s = s[16:]
		}
	}
	var a, b uint64 // all bytes of s, some of them twice
	switch {
	case len(s) >= 8:
		a, b = load64(s), load64(s[len(s)-8:])
	case len(s) >= 4:
		a, b = load32(s), load32(s[len(s)-4:])
	case len(s) > 0:
		a, b = uint64(s[0]), uint64(s[len(s)/2])<<8|uint64(s[len(s)-1])
	}
	return combine(seed^a, b+length*0xa0761d6478bd642f)
}

// load32 and load64 are written so that each becomes one instruction.

func load32(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

func load64(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
