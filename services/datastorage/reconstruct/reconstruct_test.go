package reconstruct_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/datastorage/reconstruct"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

const spec = `{"signalFingerprint": "f", "signalName": "OOM", "severity": "critical", "signalType": "prometheus", "targetType": "kubernetes",
	"targetResource": {"kind": "Pod", "name": "p", "namespace": "n"}, "firingTime": "2026-01-31T12:00:00Z", "receivedTime": "2026-01-31T12:00:01Z",
	"signalLabels": {"yes": "no", "multi": "a\nb: c", "number": "007"}, "occurrences": 12345678901234567}`

func event(kind names.EventType, data string) audit.Event {
	return audit.Event{ID: "id", Type: kind, Data: json.RawMessage(data)}
}

func TestNew(t *testing.T) {
	created := event(names.EventCRDCreated, `{"remediation_request": {"metadata": {"name": "rr-1", "namespace": "elsewhere"}, "spec": `+spec+`}}`)
	for _, test := range []struct {
		name         string
		events       []audit.Event
		want         reconstruct.Validation
		spec         string
		namespace    string
		errors, warn int
	}{
		{name: "whole", events: []audit.Event{event(names.EventSignalReceived, `{"severity": "low", "providerData": "x"}`), created},
			want: reconstruct.Validation{IsValid: true, Completeness: 100}, spec: spec, namespace: "elsewhere"},
		{name: "the signal alone", events: []audit.Event{event(names.EventSignalReceived, spec)},
			want: reconstruct.Validation{IsValid: true, Completeness: 69}, warn: 4, namespace: names.Namespace,
			spec: `{"signalFingerprint": "f", "signalName": "OOM", "severity": "critical", "signalType": "prometheus", "targetType": "kubernetes",
				"targetResource": {"kind": "Pod", "name": "p", "namespace": "n"}, "firingTime": "2026-01-31T12:00:00Z",
				"receivedTime": "2026-01-31T12:00:01Z", "signalLabels": {"yes": "no", "multi": "a\nb: c", "number": "007"}}`},
		{name: "neither", events: []audit.Event{event(names.EventMessageSent, `{}`)}, want: reconstruct.Validation{}, spec: "{}",
			namespace: names.Namespace, errors: 8, warn: 5},
		{name: "unreadable", events: []audit.Event{event(names.EventCRDCreated, `{"remediation_request": "text"}`), event(names.EventSignalReceived, `{"severity": "low"}`)},
			want: reconstruct.Validation{Completeness: 7}, spec: `{"severity": "low"}`, namespace: names.Namespace, errors: 7, warn: 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := reconstruct.New("rr-1", test.events)
			if err != nil {
				t.Fatal(err)
			}
			counts := []int{len(got.Validation.Errors), len(got.Validation.Warnings)}
			if diff := cmp.Diff([]int{test.errors, test.warn}, counts); diff != "" {
				t.Errorf("errors and warnings (-want +got):\n%s\n%v", diff, got.Validation)
			}
			got.Validation.Errors, got.Validation.Warnings = nil, nil
			if diff := cmp.Diff(test.want, got.Validation); diff != "" {
				t.Errorf("validation (-want +got):\n%s", diff)
			}
			want := map[string]any{"apiVersion": "kubernaut.ai/v1alpha1", "kind": "RemediationRequest",
				"metadata": map[string]any{"name": "rr-1", "namespace": test.namespace}, "spec": decoded(t, test.spec)}
			var document map[string]any
			if err := yaml.Unmarshal([]byte(got.YAML), &document); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, document); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
		})
	}
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
