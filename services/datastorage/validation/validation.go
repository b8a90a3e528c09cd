// Package validation says which audit events, workflows and queries datastorage takes, and what is wrong with the others.
//
// Checks gather every fault of a record into one map from the field's path to the reason; nothing stops at the first. The
// package is pure: no clock, no database.
//
// Identifiers (types, correlation ids, actions) have a narrow character set. That keeps logs and metrics clean, and a text
// with quotes or blanks in such a place is refused rather than stored; statements are safe without it, as the store binds
// every value.
package validation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// Limits of lengths, in bytes.
const (
	maxToken   = 255
	maxText    = 1024
	maxContent = 512 << 10
	// maxDepth of nested JSON: both databases and every reader cope with it.
	maxDepth = 64
)

var (
	token     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]*$`)
	eventType = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)
	uuidForm  = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	digest    = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	hash      = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Faults maps field paths to reasons.
type Faults map[string]string

// Err returns a problem that lists the faults, or nil when there are none.
func (f Faults) Err(detail string) error {
	if len(f) == 0 {
		return nil
	}
	return problem.Invalid(detail, f)
}

// set keeps the first fault of a field.
func (f Faults) set(field, format string, args ...any) {
	if _, found := f[field]; !found {
		f[field] = fmt.Sprintf(format, args...)
	}
}

func (f Faults) required(field, value string) bool {
	if value == "" {
		f.set(field, "is required")
	}
	return value != ""
}

// form checks a value against a pattern; an empty value passes.
func (f Faults) form(field, value string, pattern *regexp.Regexp, form string) {
	if value == "" {
		return
	}
	if len(value) > maxToken {
		f.set(field, "must be at most %d bytes, got %d", maxToken, len(value))
	} else if !pattern.MatchString(value) {
		f.set(field, "must be %s, got %q", form, value)
	}
}

const tokenForm = "letters, digits and . _ : / - with a letter or digit first"

func (f Faults) token(field, value string) { f.form(field, value, token, tokenForm) }

// text refuses what PostgreSQL cannot store (NUL, broken UTF-8), control characters, and excessive length.
func (f Faults) text(field, value string, most int, lines bool) {
	switch {
	case len(value) > most:
		f.set(field, "must be at most %d bytes, got %d", most, len(value))
	case !utf8.ValidString(value):
		f.set(field, "must be UTF-8")
	case strings.ContainsFunc(value, func(r rune) bool { return control(r, lines) }):
		f.set(field, "must not hold control characters")
	}
}

func control(r rune, lines bool) bool {
	if lines && (r == '\n' || r == '\t' || r == '\r') {
		return false
	}
	return r < 0x20 || r == 0x7f
}

func oneOf[T ~string](f Faults, field string, value T, allowed []T) {
	if value != "" && !slices.Contains(allowed, value) {
		f.set(field, "must be one of %s, got %q", list(allowed), string(value))
	}
}

func list[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = string(value)
	}
	return strings.Join(words, ", ")
}

// object checks that raw is a JSON object of bounded depth.
func (f Faults) object(field string, raw json.RawMessage) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
		f.set(field, "is required")
	case raw[0] != '{':
		f.set(field, "must be a JSON object")
	case depth(raw) > maxDepth:
		f.set(field, "must be nested at most %d deep", maxDepth)
	}
}

// depth returns how deep valid JSON is nested.
func depth(raw []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// UUID returns a problem when id, the path parameter name, is not a UUID.
func UUID(name, id string) error {
	if uuidForm.MatchString(id) {
		return nil
	}
	return problem.Invalid("the path holds no valid id", Faults{name: fmt.Sprintf("must be a UUID, got %q", id)})
}

// CorrelationID returns a problem when id cannot be a correlation id.
func CorrelationID(id string) error {
	faults := Faults{}
	faults.required("correlation_id", id)
	faults.token("correlation_id", id)
	return faults.Err("the path holds no valid id")
}
