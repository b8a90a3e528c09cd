package ordered

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Marshal returns the document indented by two spaces, without a final newline. Strings are escaped as jq escapes
// them: control characters, DEL, the quote and the backslash only. It panics on a value that is no document.
func Marshal(v any) []byte { return appendValue(nil, v, "\n") }

// appendValue appends v; newline is a line feed followed by the indentation of the line on which v begins.
func appendValue(b []byte, v any, newline string) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		return append(b, v...)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case string:
		return appendString(b, v)
	case []any:
		return appendArray(b, v, newline)
	case *Object:
		return appendObject(b, v, newline)
	}
	panic(fmt.Sprintf("ordered: value of type %T", v))
}

func appendArray(b []byte, list []any, newline string) []byte {
	if len(list) == 0 {
		return append(b, "[]"...)
	}
	for i, v := range list {
		b = append(b, "[,"[min(i, 1)])
		b = append(b, newline+"  "...)
		b = appendValue(b, v, newline+"  ")
	}
	b = append(b, newline...)
	return append(b, ']')
}

func appendObject(b []byte, o *Object, newline string) []byte {
	if len(o.keys) == 0 {
		return append(b, "{}"...)
	}
	for i, key := range o.keys {
		b = append(b, "{,"[min(i, 1)])
		b = append(b, newline+"  "...)
		b = appendString(b, key)
		b = append(b, ": "...)
		b = appendValue(b, o.values[key], newline+"  ")
	}
	b = append(b, newline...)
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for len(s) > 0 {
		r, size := next(s)
		s = s[size:]
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			b = appendControl(b, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

func appendControl(b []byte, r rune) []byte {
	switch r {
	case '\b':
		return append(b, `\b`...)
	case '\t':
		return append(b, `\t`...)
	case '\n':
		return append(b, `\n`...)
	case '\f':
		return append(b, `\f`...)
	case '\r':
		return append(b, `\r`...)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}
