// Package settings reads a service's configuration from named values (its environment) and reports every invalid one at
// once, by its key.
//
// A value is never quoted in an error when its key was read with Secret. Not a goal: configuration files.
package settings

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Reader reads values and gathers what is wrong with them. Read all keys, then ask Err. It is not safe for concurrent use.
type Reader struct {
	lookup func(string) (string, bool)
	errs   []error
}

// New returns a reader on lookup, in production os.LookupEnv. An empty value counts as absent.
func New(lookup func(string) (string, bool)) *Reader { return &Reader{lookup: lookup} }

// Err returns all errors of the reads so far, joined, or nil.
func (r *Reader) Err() error { return errors.Join(r.errs...) }

// String returns the value of key, or fallback.
func (r *Reader) String(key, fallback string) string {
	if value, _ := r.lookup(key); value != "" {
		return value
	}
	return fallback
}

// Secret returns the value of key, or "". It exists so that the reader of code sees which values must not be logged.
func (r *Reader) Secret(key string) string { return r.String(key, "") }

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
	switch {
	case err == nil && parsed.User != nil:
		r.errs = append(r.errs, fmt.Errorf("%s must not hold a user or password", key))
	case err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "":
		r.errs = append(r.errs, fmt.Errorf("%s must be http(s)://host[:port], got %q", key, text))
	}
	return text
}

// Fail adds an error of the caller's own: key and what it must be.
func (r *Reader) Fail(key, must string) { r.errs = append(r.errs, fmt.Errorf("%s must %s", key, must)) }
