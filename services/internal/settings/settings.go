// Package settings reads a service's configuration from named values (its environment and its flags) and reports every
// invalid one at once, by its key.
//
// Every key is both: GLOBAL_TIMEOUT in the environment is --global-timeout=… on the command line, which wins. A flag that
// no key answers to is an error, so that a misspelt one does not go unnoticed. A value that was read with Secret comes from
// the environment alone, because a command line is seen by others, and is never quoted. Not a goal: configuration files.
package settings

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reader reads values and gathers what is wrong with them. Read all keys, then ask Err. It is not safe for concurrent use.
type Reader struct {
	lookup func(string) (string, bool)
	flags  map[string]string // by key, those that nothing has read yet
	given  map[string]string // by key, all
	errs   []error
}

// New returns a reader on lookup, in production os.LookupEnv. An empty value counts as absent. args are flags of the form
// --key-name=value.
func New(lookup func(string) (string, bool), args ...string) *Reader {
	r := &Reader{lookup: lookup, flags: map[string]string{}, given: map[string]string{}}
	for _, arg := range args {
		name, value, found := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !found || !strings.HasPrefix(arg, "-") {
			r.errs = append(r.errs, fmt.Errorf("argument %q must be a flag of the form --name=value", name))
			continue
		}
		key := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		r.flags[key], r.given[key] = value, value
	}
	return r
}

// Err returns all errors of the reads so far, joined, or nil. A flag that no read has asked for is one of them.
func (r *Reader) Err() error {
	errs := slices.Clone(r.errs)
	for _, key := range slices.Sorted(maps.Keys(r.flags)) {
		errs = append(errs, fmt.Errorf("--%s is no flag of this service", strings.ToLower(strings.ReplaceAll(key, "_", "-"))))
	}
	return errors.Join(errs...)
}

// String returns the value of key, or fallback.
func (r *Reader) String(key, fallback string) string {
	delete(r.flags, key)
	if value := r.given[key]; value != "" {
		return value
	}
	if value := r.Secret(key); value != "" {
		return value
	}
	return fallback
}

// Required returns the value of key; its absence is an error.
func (r *Reader) Required(key string) string {
	value := r.String(key, "")
	if value == "" {
		r.Fail(key, "be set")
	}
	return value
}

// Secret returns the value of key in the environment, or "". It must not be logged.
func (r *Reader) Secret(key string) string {
	value, _ := r.lookup(key)
	return value
}

// Port returns a TCP port, 1 to 65535.
func (r *Reader) Port(key string, fallback int) int {
	return r.Int(key, fallback, 1, 65535)
}

// Int returns a whole number from least to most.
func (r *Reader) Int(key string, fallback, least, most int) int {
	text := r.String(key, "")
	if text == "" {
		return fallback
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		r.errs = append(r.errs, fmt.Errorf("%s must be a whole number from %d to %d, got %q", key, least, most, text))
		return fallback
	}
	return value
}

// Bool returns true or false.
func (r *Reader) Bool(key string, fallback bool) bool {
	text := r.String(key, "")
	if text == "" {
		return fallback
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s must be true or false, got %q", key, text))
		return fallback
	}
	return value
}

// Duration returns a positive Go duration such as 30s.
func (r *Reader) Duration(key string, fallback time.Duration) time.Duration {
	text := r.String(key, "")
	if text == "" {
		return fallback
	}
	value, err := time.ParseDuration(text)
	if err != nil || value <= 0 {
		r.errs = append(r.errs, fmt.Errorf("%s must be a duration such as 30s, got %q", key, text))
		return fallback
	}
	return value
}

// URL returns an http or https URL. User info is refused, and then not quoted.
func (r *Reader) URL(key, fallback string) string {
	text := r.String(key, fallback)
	parsed, err := url.Parse(text)
	valid := err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
	switch {
	// Where the user is in a text that is no URL, nobody knows.
	case valid && parsed.User != nil, !valid && strings.Contains(text, "@"):
		r.errs = append(r.errs, fmt.Errorf("%s must be http(s)://host[:port], and not hold a user or password", key))
	case !valid:
		r.errs = append(r.errs, fmt.Errorf("%s must be http(s)://host[:port], got %q", key, text))
	}
	return text
}

// Fail adds an error of the caller's own: key and what it must be.
func (r *Reader) Fail(key, must string) { r.errs = append(r.errs, fmt.Errorf("%s must %s", key, must)) }
