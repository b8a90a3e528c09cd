// Package reconstruct rebuilds a RemediationRequest from its audit trail.
//
// gateway.crd.created holds the whole specification as it was created: a trail with it is complete. Without it, what
// gateway.signal.received tells is taken field by field; then required fields that are missing make the result invalid and
// optional ones give warnings.
//
// The package is pure. It does not know the resource's Go type: it must be able to read trails of older forms.
package reconstruct

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// Validation judges a rebuilt request.
type Validation struct {
	// IsValid is true when no required field is missing.
	IsValid bool `json:"is_valid"`
	// Completeness is the share of fields that could be rebuilt, 0 to 100.
	Completeness int      `json:"completeness"`
	Errors       []string `json:"errors"`
	Warnings     []string `json:"warnings"`
}

// Result is a rebuilt request as a YAML document, and its judgement.
type Result struct {
	YAML       string
	Validation Validation
}

func requiredFields() []string {
	return []string{"signalFingerprint", "signalName", "severity", "signalType", "targetType", "targetResource", "firingTime", "receivedTime"}
}

func optionalFields() []string {
	return []string{"signalSource", "signalLabels", "signalAnnotations", "providerData", "originalPayload"}
}

type created struct {
	RemediationRequest struct {
		Metadata struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
		Spec map[string]any `json:"spec"`
	} `json:"remediation_request"`
}

// New rebuilds the request named correlationID from its events, oldest first. An event whose data cannot be read becomes a
// warning.
func New(correlationID string, events []audit.Event) (Result, error) {
	verdict := Validation{Errors: []string{}, Warnings: []string{}}
	spec, namespace, whole := gather(events, &verdict)
	judge(spec, whole, &verdict)
	document, err := yaml.Marshal(map[string]any{
		"apiVersion": names.APIGroup + "/" + names.APIVersion,
		"kind":       "RemediationRequest",
		"metadata":   map[string]any{"name": correlationID, "namespace": namespace},
		"spec":       spec,
	})
	if err != nil {
		return Result{}, fmt.Errorf("writing remediation request %q: %w", correlationID, err)
	}
	return Result{YAML: string(document), Validation: verdict}, nil
}

// gather prefers the last created specification over what the signal tells.
func gather(events []audit.Event, verdict *Validation) (spec map[string]any, namespace string, whole bool) {
	spec, namespace = map[string]any{}, names.Namespace
	for _, event := range events {
		switch event.Type {
		case names.EventSignalReceived:
			var data map[string]any
			if !whole && read(event, &data, verdict) {
				pick(spec, data)
			}
		case names.EventCRDCreated:
			var data created
			if !read(event, &data, verdict) {
				continue
			}
			request := data.RemediationRequest
			if len(request.Spec) == 0 {
				verdict.Warnings = append(verdict.Warnings, fmt.Sprintf("event %s (%s) holds no specification", event.ID, event.Type))
				continue
			}
			spec, whole = request.Spec, true
			if request.Metadata.Namespace != "" {
				namespace = request.Metadata.Namespace
			}
		}
	}
	return spec, namespace, whole
}

func read(event audit.Event, target any, verdict *Validation) bool {
	decoder := json.NewDecoder(bytes.NewReader(event.Data))
	// Numbers keep their digits: a float would change those above 2^53.
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		message := fmt.Sprintf("event %s (%s) cannot be read", event.ID, event.Type)
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			message += ": " + wrongType.Field
		}
		verdict.Warnings = append(verdict.Warnings, message)
		return false
	}
	return true
}

func pick(spec, data map[string]any) {
	for _, field := range slices.Concat(requiredFields(), optionalFields()) {
		if value, found := data[field]; found {
			spec[field] = value
		}
	}
}

func judge(spec map[string]any, whole bool, verdict *Validation) {
	required, optional := requiredFields(), optionalFields()
	missing := 0
	for _, field := range required {
		if empty(spec[field]) {
			missing++
			verdict.Errors = append(verdict.Errors, "spec."+field+" is not in the audit trail")
		}
	}
	// A whole specification without an optional field never had it.
	if !whole {
		for _, field := range optional {
			if empty(spec[field]) {
				missing++
				verdict.Warnings = append(verdict.Warnings, "spec."+field+" is not in the audit trail")
			}
		}
	}
	fields := len(required) + len(optional)
	verdict.Completeness = 100 * (fields - missing) / fields
	verdict.IsValid = len(verdict.Errors) == 0
}

func empty(value any) bool {
	switch typed := value.(type) {
	case nil:
		return true
	case string:
		return typed == ""
	case map[string]any:
		return len(typed) == 0
	}
	return false
}
