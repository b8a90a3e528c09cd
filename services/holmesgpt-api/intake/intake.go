// Package intake reads requests and says what is wrong with them.
//
// A body that is not JSON is a 400. JSON that does not fit is a 422 which names every field to blame: missing, unknown, of
// the wrong type, outside of its enumeration, too long.
//
// Identifiers and labels are single words of a narrow character set, the one that datastorage has for correlation ids and
// search filters, so that what passes here passes there. Other fields but error_message are single lines. Thereby no value
// can put a line of its own into the model's prompt.
//
// The package is pure.
package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// Limits in bytes, but for maxDepth and maxAttempt.
const (
	maxWord       = 253
	maxLine       = 1024
	maxMessage    = 64 << 10
	maxEnrichment = 256 << 10
	maxPrevious   = 64 << 10
	// maxDepth of nested JSON is datastorage's.
	maxDepth   = 64
	maxAttempt = 1000
)

var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]*$`)

// Word says whether a text can be an identifier or a label.
func Word(text string) bool { return len(text) <= maxWord && word.MatchString(text) }

// Incident reads the body of a request; its errors are problems.
func Incident(r *http.Request) (holmesgpt.IncidentRequest, error) {
	return read(r, ParseIncident)
}

// Recovery is Incident for the other route.
func Recovery(r *http.Request) (holmesgpt.RecoveryRequest, error) {
	return read(r, ParseRecovery)
}

func read[T any](r *http.Request, parse func([]byte) (T, error)) (request T, err error) {
	if err := httpserver.CheckJSON(r); err != nil {
		return request, err
	}
	body, err := httpserver.ReadBody(r)
	if err != nil {
		return request, err
	}
	return parse(body)
}

// ParseIncident decodes and checks a body.
func ParseIncident(body []byte) (request holmesgpt.IncidentRequest, err error) {
	if err := decode(body, &request); err != nil {
		return request, err
	}
	faults := faults{}
	faults.incident(request)
	return request, faults.err()
}

// ParseRecovery decodes and checks a body.
func ParseRecovery(body []byte) (request holmesgpt.RecoveryRequest, err error) {
	if err := decode(body, &request); err != nil {
		return request, err
	}
	faults := faults{}
	faults.incident(request.IncidentRequest)
	faults.recovery(request)
	return request, faults.err()
}

// decode answers 422 where a field is to blame.
func decode(body []byte, target any) error {
	err := httpserver.Unmarshal(body, target, true)
	var refused *problem.Details
	if errors.As(err, &refused) && len(refused.FieldErrors) > 0 {
		return unprocessable(refused.FieldErrors)
	}
	return err
}

func unprocessable(fields map[string]string) error {
	refused := problem.New(http.StatusUnprocessableEntity, "the request has fields that are missing or not valid")
	refused.FieldErrors = fields
	return refused
}

// faults maps fields to reasons.
type faults map[string]string

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return unprocessable(f)
}

func (f faults) set(field, format string, args ...any) { f[field] = fmt.Sprintf(format, args...) }

func (f faults) incident(r holmesgpt.IncidentRequest) {
	for field, value := range map[string]string{
		"incident_id": r.IncidentID, "remediation_id": r.RemediationID, "signal_type": r.SignalType, "severity": string(r.Severity),
		"signal_source": r.SignalSource, "resource_kind": r.ResourceKind, "resource_name": r.ResourceName,
		"environment": r.Environment, "priority": r.Priority,
	} {
		if value == "" {
			f.set(field, "is required")
		} else {
			f.word(field, value)
		}
	}
	f.word("resource_namespace", r.ResourceNamespace)
	if r.Severity != "" && !slices.Contains(holmesgpt.Severities(), r.Severity) {
		f.set("severity", "must be one of critical, high, medium, low, unknown, got %.60q", string(r.Severity))
	}
	for field, value := range map[string]string{
		"risk_tolerance": r.RiskTolerance, "business_category": r.BusinessCategory, "cluster_name": r.ClusterName,
	} {
		f.line(field, value)
	}
	f.size("error_message", len(r.ErrorMessage), maxMessage)
	f.enrichment(r.EnrichmentResults)
}

func (f faults) recovery(r holmesgpt.RecoveryRequest) {
	if !r.IsRecoveryAttempt {
		f.set("is_recovery_attempt", "must be true on this route")
	}
	if r.RecoveryAttemptNumber < 1 || r.RecoveryAttemptNumber > maxAttempt {
		f.set("recovery_attempt_number", "must be a whole number from 1 to %d, got %d", maxAttempt, r.RecoveryAttemptNumber)
	}
	if r.PreviousExecution == nil {
		f.set("previous_execution", "is required")
		return
	}
	encoded, err := json.Marshal(r.PreviousExecution)
	if err != nil {
		f.set("previous_execution", "cannot be encoded again")
		return
	}
	f.size("previous_execution", len(encoded), maxPrevious)
}

func (f faults) word(field, value string) {
	f.size(field, len(value), maxWord)
	if value != "" && len(value) <= maxWord && !Word(value) {
		f.set(field, "must be letters, digits and . _ : / - with a letter or digit first, got %q", value)
	}
}

func (f faults) line(field, value string) {
	f.size(field, len(value), maxLine)
	if strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0x2028 || r == 0x2029 || r == 0x85 }) {
		f.set(field, "must be one line without control characters")
	}
}

func (f faults) size(field string, length, most int) {
	if length > most {
		f.set(field, "must be at most %d bytes, got %d", most, length)
	}
}

func (f faults) enrichment(raw json.RawMessage) {
	const field = "enrichment_results"
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
	case raw[0] != '{':
		f.set(field, "must be a JSON object")
	case depth(raw) > maxDepth:
		f.set(field, "must be nested at most %d deep", maxDepth)
	default:
		f.size(field, len(raw), maxEnrichment)
	}
}

// depth returns how deep valid JSON is nested.
func depth(raw []byte) int {
	deepest, now := 0, 0
	decoder := json.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := decoder.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}
