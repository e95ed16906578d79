package discord

// ones times a byte is a word that holds it eight times.
const ones = 0x0101010101010101

// load64 reads eight bytes as one word, of which the lowest byte is the first. It is
// written so that it becomes one instruction.
func load64(s string, i int) uint64 {
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// quotes returns a word whose lowest bit that is set is in the first byte that is a
// quote.
func quotes(word uint64) uint64 {
	word ^= '"' * ones
	return (word - ones) &^ word & (0x80 * ones)
}

// eightDigits reads a decimal number of eight digits.
func eightDigits(word uint64) (n uint64, ok bool) {
	word ^= '0' * ones
	if (word|(word+0x76*ones))&(0x80*ones) != 0 {
		return 0, false
	}
	const even = 0x000000ff000000ff
	word = word*10 + word>>8 // each even byte becomes a number of two digits
	return (word&even*(100+1e6<<32) + word>>16&even*(1+1e4<<32)) >> 32, true
}
