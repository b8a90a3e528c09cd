package intake_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/intake"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

const incident = `{"incident_id": "ai-1", "remediation_id": "rr-1", "signal_type": "OOMKilled", "severity": "critical", "signal_source": "prometheus",
	"resource_kind": "Pod", "resource_name": "web-0", "environment": "staging", "priority": "P1"`

const recovery = incident + `, "is_recovery_attempt": true, "recovery_attempt_number": 2, "previous_execution": {"failure": {"reason": "TaskFailed", "exit_code": 1}}}`

func TestParseInFull(t *testing.T) {
	want := holmesgpt.RecoveryRequest{
		IncidentRequest: holmesgpt.IncidentRequest{
			IncidentID: "ai-1", RemediationID: "rr-1", SignalType: "OOMKilled", Severity: holmesgpt.SeverityUnknown, SignalSource: "prometheus",
			ResourceNamespace: "shop", ResourceKind: "Deployment", ResourceName: "web", ErrorMessage: "two\nlines\x1b[0m", Environment: "staging", Priority: "P1",
			RiskTolerance: "low, if any", BusinessCategory: "shop", ClusterName: "east 1", EnrichmentResults: json.RawMessage(`{"ownerChain":[]}`),
		},
		IsRecoveryAttempt: true, RecoveryAttemptNumber: 1,
		PreviousExecution: &holmesgpt.PreviousExecution{WorkflowExecutionRef: "we-1", SelectedWorkflow: holmesgpt.PreviousWorkflow{Parameters: map[string]string{"A": "b"}}},
	}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := intake.ParseRecovery(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestEveryFaultIsNamed(t *testing.T) {
	_, err := intake.ParseRecovery([]byte(`{"severity": "huge", "resource_namespace": "a b", "enrichment_results": []}`))
	var refused *problem.Details
	if !errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity {
		t.Fatalf("got %v, want a 422", err)
	}
	for _, field := range []string{
		"incident_id", "remediation_id", "signal_type", "severity", "signal_source", "resource_namespace", "resource_kind", "resource_name",
		"environment", "priority", "enrichment_results", "is_recovery_attempt", "recovery_attempt_number", "previous_execution",
	} {
		if refused.FieldErrors[field] == "" {
			t.Errorf("field errors %v do not name %s", refused.FieldErrors, field)
		}
	}
}

// FuzzIncident checks that what is called valid can be encoded again, comes out as the same request, and cannot add a line to
// a prompt.
func FuzzIncident(f *testing.F) {
	for _, seed := range []string{
		incident + "}", recovery, incident + `, "enrichment_results": {"a": [{"b": "\u0000"}]}, "error_message": "\u001b"}`,
		`{"INCIDENT_ID": "1", "incident_id": "2"}`, `{"enrichment_results": {`, "[]", "null", incident + `, "cluster_name": "a\u2028b"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := intake.ParseIncident(body)
		check(t, body, err, request, func(again []byte) (any, error) { return intake.ParseIncident(again) })
		if err == nil && strings.ContainsAny(request.Environment+request.ResourceName+request.ClusterName, "\n\r") {
			t.Errorf("%s: a field has two lines", body)
		}
	})
}

// FuzzRecovery is FuzzIncident for the other route.
func FuzzRecovery(f *testing.F) {
	for _, seed := range []string{
		recovery, strings.Replace(recovery, "1}}", `1, "failed_at": "9999-12-31T23:59:59-23:59"}}`, 1),
		strings.Replace(recovery, ": 2,", ": 1e2,", 1), strings.Replace(recovery, "true", "1", 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := intake.ParseRecovery(body)
		check(t, body, err, request, func(again []byte) (any, error) { return intake.ParseRecovery(again) })
	})
}

func check(t *testing.T, body []byte, err error, request any, parse func([]byte) (any, error)) {
	t.Helper()
	if err != nil {
		var refused *problem.Details
		if !errors.As(err, &refused) || (refused.Status != http.StatusBadRequest && refused.Status != http.StatusUnprocessableEntity) {
			t.Fatalf("%s: got %v, want a problem with 400 or 422", body, err)
		}
		return
	}
	encoded, err := json.Marshal(request)
	if err != nil {
		t.Fatalf("%s: a valid request cannot be encoded: %v", body, err)
	}
	again, err := parse(encoded)
	if err != nil {
		t.Fatalf("%s: encoded again it is not valid: %v", body, err)
	}
	twice, err := json.Marshal(again)
	if err != nil || string(twice) != string(encoded) {
		t.Fatalf("%s: error %v; once %s, twice %s", body, err, encoded, twice)
	}
}
