package source

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// EndpointError is a server that cannot be used: unreachable, silent, of another digest function, or it refuses the
// credentials. The same would happen with every other blob.
type EndpointError struct {
	Endpoint string // without user and password
	Err      error
}

func (e *EndpointError) Error() string { return fmt.Sprintf("using %s: %v", e.Endpoint, e.Err) }

func (e *EndpointError) Unwrap() error { return e.Err }

// failure is an error of a server with what may be done about it.
type failure struct {
	err       error
	transient bool          // another attempt may succeed
	endpoint  bool          // it concerns the server rather than the blob
	after     time.Duration // the server asks to wait so long; 0 is no wish
}

func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// failureOf returns err's failure; an error without one concerns a single blob and is final.
func failureOf(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return &failure{err: err}
}

// final is what a caller sees of err.
func final(endpoint string, err error) error {
	if failureOf(err).endpoint {
		return &EndpointError{Endpoint: endpoint, Err: err}
	}
	return fmt.Errorf("reading from %s: %w", endpoint, err)
}

// scrub takes header values, the secrets after "Bearer " and the like, and passwords out of a text that a server may have echoed.
func scrub(text string, headers []Header) string {
	for _, h := range headers {
		_, secret, _ := strings.Cut(h.Value, " ")
		_, password, _ := (&http.Request{Header: http.Header{"Authorization": {h.Value}}}).BasicAuth()
		for _, s := range []string{h.Value, secret, password} {
			if len(s) > 3 { // shorter ones are words, not secrets
				text = strings.ReplaceAll(text, s, "[redacted]")
			}
		}
	}
	return text
}

// untrusted reports whether TLS itself failed, which another attempt does not mend.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	return errors.As(err, &verification) || errors.As(err, &alert) || errors.As(err, &record)
}

// untrustedText is untrusted for gRPC, which keeps the text alone.
func untrustedText(message string) bool {
	return strings.Contains(message, "authentication handshake failed")
}
