package genauth

import "strings"

// splitPhone parts a number in the form of E.164 into the country code, with its
// '+', and the rest. The codes that ITU-T assigned have one to three digits and
// none begins with another (https://www.itu.int/rec/T-REC-E.164), so that a table
// of the short ones tells where each ends.
func splitPhone(e164 string) (countryCode, number string) {
	digits := strings.TrimPrefix(e164, "+")
	n := 3
	switch {
	case strings.HasPrefix(digits, "1"), strings.HasPrefix(digits, "7"):
		n = 1
	case len(digits) >= 2 && strings.Contains(twoDigitCodes, " "+digits[:2]+" "):
		n = 2
	}
	n = min(n, len(digits))
	return "+" + digits[:n], digits[n:]
}

const twoDigitCodes = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 " +
	"51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
