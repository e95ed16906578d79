package discord

import (
	"strconv"
	"time"
)

// parseID reads a snowflake: a decimal number of up to 64 bits, never 0 and
// without leading zeros, so that one person has one id.
// https://discord.com/developers/docs/reference#snowflakes
func parseID(s string) (uint64, bool) {
	const always = 19 // digits fit into 64 bits
	if s == "" || s[0] == '0' {
		return 0, false
	}
	if len(s) > always {
		id, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return 0, false
		}
		return id, true
	}
	var id uint64
	i := 0
	for ; i <= len(s)-8; i += 8 {
		n, ok := eightDigits(load64(s, i))
		if !ok {
			return 0, false
		}
		id = id*1e8 + n
	}
	for ; i < len(s); i++ {
		digit := s[i] - '0'
		if digit > 9 {
			return 0, false
		}
		id = id*10 + uint64(digit)
	}
	return id, true
}

func isID(s string) bool {
	_, ok := parseID(s)
	return ok
}

func formatID(id uint64) string { return strconv.FormatUint(id, 10) }

// snowflakeTime returns when Discord made an id. Ids of one worker and
// millisecond count up in their lowest 12 bits, which become the part below the
// millisecond, so that two events in one millisecond keep their order. The time
// of 0 is zero.
func snowflakeTime(id uint64) time.Time {
	if id == 0 {
		return time.Time{}
	}
	const (
		epoch     = 1420070400000 // ms, the first second of 2015
		stepNanos = int64(time.Millisecond) >> 12
	)
	ms := int64(id>>22) + epoch
	nanos := ms%1000*int64(time.Millisecond) + int64(id&0xfff)*stepNanos
	return time.Unix(ms/1000, nanos).UTC()
}
