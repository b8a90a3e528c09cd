package bazelrc

import "strings"

// words splits a line as Bazel's client does: words end at white space; quotes of either kind group, and may stand inside a
// word; a backslash takes the next character as it is, between quotes of either kind too; an unquoted # ends the line. An
// unfinished quote ends with the line. There is no empty word.
func words(line string) []string {
	var list []string
	var word strings.Builder
	var quote byte
	flush := func() {
		if word.Len() > 0 {
			list = append(list, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\':
			if i++; i < len(line) {
				word.WriteByte(line[i])
			}
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote = c
		case c == '#':
			flush()
			return list
		case space(c):
			flush()
		default:
			word.WriteByte(c)
		}
	}
	flush()
	return list
}

// space is C's isspace.
func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
