package discord

import (
	"math/bits"
	"strconv"
	"strings"
	"testing"
)

// eachWord yields words of eight bytes like s, of which two neighbours are any bytes:
// what is done with eight bytes at once must not spill from one to the next.
func eachWord(s string, yield func(string)) {
	for i := range 7 {
		word := []byte(s)
		for pair := range 1 << 16 {
			word[i], word[i+1] = byte(pair), byte(pair>>8)
			yield(string(word))
		}
	}
}

func TestTheFirstQuoteOfAWord(t *testing.T) {
	t.Parallel()
	for _, like := range []string{"username", "########"} { // a # differs from a quote in one bit
		eachWord(like, func(s string) {
			want := strings.IndexByte(s, '"')
			if want < 0 {
				want = 8
			}
			if got := bits.TrailingZeros64(quotes(load64(s, 0))) / 8; got != want {
				t.Errorf("%q: %d, want %d", s, got, want)
			}
		})
	}
}

func TestEightDigitsAreReadAtOnce(t *testing.T) {
	t.Parallel()
	for _, like := range []string{"80351110", "99999999"} {
		eachWord(like, func(s string) {
			want, err := strconv.ParseUint(s, 10, 64)
			if got, ok := eightDigits(load64(s, 0)); ok != (err == nil) || ok && got != want {
				t.Errorf("%q: %d, %v, want %d", s, got, ok, want)
			}
		})
	}
}
