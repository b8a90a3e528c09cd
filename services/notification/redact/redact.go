// Package redact takes secrets out of a text before it leaves the platform.
//
// A secret is known by what stands before it: a name with password, token, api_key, secret, authorization or the like in it,
// then = or :, in plain text, in JSON (escaped JSON, too) and in YAML; the word Bearer; a user in a URL; the frame of a private key.
// Names stay, values become Mask, and JSON stays JSON. In doubt more is taken than less: an unquoted value goes to the next
// space or quote, one that is quoted to its closing quote or else to the end of the line.
//
// Not a goal: secrets that nothing announces. A bare password in a sentence cannot be told from a word.
package redact

import (
	"regexp"
	"strings"
)

// Mask stands where a secret was.
const Mask = "[REDACTED]"

// names are the words that make a key secret, wherever they stand in it, in any case.
const names = `(?:passw(?:or)?d|passphrase|pwd|token|api[_-]?key|access[_-]?key|private[_-]?key|secret|credential)[\w.-]*`

// separator is what stands between a key and its value: the key's closing quote, = or : or =>, a space.
const separator = `(\\*["'])?[ \t]*(?:=>|:=|[=:])[ \t]*`

// value, in the order of its alternatives: quoted with escaped quotes; quoted; quoted without an end; a list or an object of
// quoted texts, to the text's end if it has none (a second try from the next key on would take quadratic time); a block of
// YAML; an authorization scheme with its parameter; up to a space or a quote.
const value = `\\+"[^"]*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|\\*["'][^\n]*` +
	`|\[\s*\\*["'][^\]]*(?:\]|\z)|\{\s*\\*["'][^}]*(?:\}|\z)` +
	`|[|>][+-]?[ \t]*(?:\n[ \t]+[^\n]*)+` +
	`|(?:bearer|basic|digest|token)[ \t]+[^\s"']+` +
	`|[^\s"'\\]+`

// patterns compiles once; regular expressions of Go take linear time for any input.
var (
	assignment    = regexp.MustCompile(`(?i)(` + names + separator + `)(` + value + `)`)
	authorization = regexp.MustCompile(`(?i)(authorization` + separator + `)(\\+"[^"]*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\n"']+)`)
	bearer        = regexp.MustCompile(`(?i)(\bbearer[ \t]+)([^\s"'\\,;]+)`)
	userinfo      = regexp.MustCompile(`(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@"']+@`)
	privateKey    = regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?)(-----END [A-Z ]*PRIVATE KEY-----|$)`)
	secretKey     = regexp.MustCompile(`(?i)` + names + `|authorization`)
)

// Text returns text with Mask in place of every secret. It is safe for concurrent use, and changes nothing in its own result.
func Text(text string) string {
	text = privateKey.ReplaceAllString(text, "${1}"+Mask+"${3}")
	text = userinfo.ReplaceAllString(text, "${1}"+Mask+"@")
	text = replace(authorization, text)
	text = replace(assignment, text)
	return bearer.ReplaceAllString(text, "${1}"+Mask)
}

// Map returns values with every secret replaced: all of a value whose key is a secret's, else as Text does. A nil map stays nil.
func Map(values map[string]string) map[string]string {
	if values == nil {
		return nil
	}
	clean := make(map[string]string, len(values))
	for key, text := range values {
		if secretKey.MatchString(key) {
			clean[key] = Mask
		} else {
			clean[key] = Text(text)
		}
	}
	return clean
}

// replace masks the third group of each match: the first is key and separator, the second the key's closing quote.
func replace(pattern *regexp.Regexp, text string) string {
	var out strings.Builder
	end := 0
	for _, at := range pattern.FindAllStringSubmatchIndex(text, -1) {
		quote := ""
		if at[4] >= 0 {
			quote = text[at[4]:at[5]]
		}
		out.WriteString(text[end:at[3]])
		out.WriteString(mask(text[at[6]:at[7]], quote))
		end = at[7]
	}
	return out.String() + text[end:]
}

// mask keeps the quotes of a value. A bare value after a quoted key is JSON's: it gets the key's quotes, and what closes the
// object stays.
func mask(value, keyQuote string) string {
	body := strings.TrimLeft(value, `\`)
	if body != "" && (body[0] == '"' || body[0] == '\'') {
		quote := value[:len(value)-len(body)+1]
		if len(value) >= 2*len(quote) && strings.HasSuffix(value, quote) {
			return quote + Mask + quote
		}
		return quote + Mask
	}
	if keyQuote == "" {
		return Mask
	}
	tail := ""
	if at := strings.IndexAny(value, ",}]"); at >= 0 && body[0] != '[' && body[0] != '{' {
		tail = value[at:]
	}
	return keyQuote + Mask + keyQuote + tail
}
