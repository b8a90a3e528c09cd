package ordered

import "unicode/utf8"

// next decodes the first rune of s, which must not be empty, and returns its length in bytes. Malformed bytes become
// U+FFFD as jq has it: one for all bytes of a sequence that is cut short or overlong, where Go has one for each byte.
func next(s string) (rune, int) {
	r, size := utf8.DecodeRuneInString(s)
	if r != utf8.RuneError || size != 1 {
		return r, size
	}
	length := announced(s[0])
	for i := 1; i < min(length, len(s)); i++ {
		if s[i]&0xc0 != 0x80 && length <= len(s) {
			return utf8.RuneError, i
		}
	}
	return utf8.RuneError, min(length, len(s))
}

// announced is the length of the sequence that a first byte announces, 1 for one that cannot be first.
func announced(first byte) int {
	switch {
	case first >= 0xc2 && first <= 0xdf:
		return 2
	case first >= 0xe0 && first <= 0xef:
		return 3
	case first >= 0xf0 && first <= 0xf4:
		return 4
	}
	return 1
}
