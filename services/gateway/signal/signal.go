// Package signal turns what monitoring systems post into one normal form.
//
// A Decoder knows one format. It checks what a RemediationRequest needs and nothing more: unknown fields are ignored,
// since senders add some with every release, and what has a sensible default gets it. A signal that says that all is
// well (a resolved alert, a normal event) is dropped here, so a post may decode into no signal at all.
//
// The package is pure: no I/O, no clock.
package signal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Limits of the RemediationRequest's schema, in characters.
const (
	maxName      = 253
	maxSeverity  = 50
	maxKind      = 63
	maxNamespace = 63
	maxProvider  = 65536
)

// Signal is one firing alert or one warning event.
type Signal struct {
	Name         string // the alert's name, the event's reason
	Severity     string // the source's own word
	Type         v1alpha1.SignalType
	Source       string
	Target       v1alpha1.TargetResource
	FiringTime   time.Time // zero when the source does not say
	Labels       map[string]string
	Annotations  map[string]string
	ProviderData string // a JSON document
	Payload      string // the signal as received
}

// Decoder reads one post. Its error is fit for the sender's eyes; it may be a *problem.Details.
type Decoder func(body []byte) ([]Signal, error)

// Fingerprint returns the signal's identity, 64 lower-case hex digits: SHA-256 of "alertname:namespace:kind:name".
// Severity, labels and annotations do not take part, so that a worsening alert stays the same signal.
func (s Signal) Fingerprint() string {
	sum := sha256.Sum256([]byte(s.Name + ":" + s.Target.Namespace + ":" + s.Target.Kind + ":" + s.Target.Name))
	return hex.EncodeToString(sum[:])
}

func (s Signal) validate() error {
	return errors.Join(
		atMost("the signal's name", s.Name, maxName),
		atMost("the severity", s.Severity, maxSeverity),
		atMost("the target's kind", s.Target.Kind, maxKind),
		atMost("the target's name", s.Target.Name, maxName),
		atMost("the target's namespace", s.Target.Namespace, maxNamespace),
		atMost("the provider's data", s.ProviderData, maxProvider),
	)
}

func atMost(what, value string, limit int) error {
	if n := utf8.RuneCountInString(value); n > limit {
		return fmt.Errorf("%s has %d characters, at most %d are allowed", what, n, limit)
	}
	return nil
}

func document(fields map[string]any) (string, error) {
	data, err := json.Marshal(fields)
	return string(data), err
}
