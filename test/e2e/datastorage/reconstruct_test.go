package datastorage_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
)

// reconstruct posts the events that the gateway leaves for a request, and compares with the request itself.
func (s *suite) reconstruct(t *testing.T) {
	request := s.request("ds13")
	s.post(t, event(t, request.Name, api.EventSignalReceived, request.Spec))
	s.post(t, event(t, request.Name, api.EventCRDCreated, map[string]any{"remediation_request": request}))
	s.post(t, event(t, request.Name, api.EventSignalDeduplicated, map[string]any{"severity": "of a later signal"}))
	got := s.rebuild(t, request.Name)
	if v := got.Validation; !v.IsValid || v.Completeness != 100 || len(v.Errors)+len(v.Warnings) != 0 {
		t.Errorf("validation: got %+v, want valid, 100 and neither errors nor warnings", v)
	}
	if got.CorrelationID != request.Name || got.ReconstructedAt.Before(request.Spec.ReceivedTime.Time) {
		t.Errorf("got %q at %v, want %q and the present time", got.CorrelationID, got.ReconstructedAt, request.Name)
	}
	if diff := contrast.Diff(request, decoded(t, got)); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	t.Run("DS13_unknown_id", func(t *testing.T) {
		s.wantProblem(t, s.DataStorage.Request("POST", records.ReconstructPath(s.flow("ds13none")), nil), http.StatusNotFound)
	})
	t.Run("DS13_signal_alone", s.signalAlone)
	t.Run("DS13_neither_signal_nor_creation", s.nothingToRebuild)
}

// signalAlone leaves the request's creation out of the trail: what the signal tells is enough for every required field.
func (s *suite) signalAlone(t *testing.T) {
	request := s.request("ds13signal")
	request.Spec.OriginalPayload = ""
	s.post(t, event(t, request.Name, api.EventSignalReceived, request.Spec))
	got := s.rebuild(t, request.Name)
	v := got.Validation
	if !v.IsValid || v.Completeness <= 0 || v.Completeness >= 100 || len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "originalPayload") {
		t.Errorf("validation: got %+v, want valid, less than 100 and a warning of originalPayload", v)
	}
	if diff := contrast.Diff(request.Spec, decoded(t, got).Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func (s *suite) nothingToRebuild(t *testing.T) {
	correlation := s.flow("ds13nothing")
	s.post(t, event(t, correlation, "notification.message.sent", map[string]any{}))
	if v := s.rebuild(t, correlation).Validation; v.IsValid || v.Completeness != 0 || len(v.Errors) == 0 {
		t.Errorf("validation: got %+v, want not valid, 0 and errors", v)
	}
}

func (s *suite) rebuild(t *testing.T, correlation string) records.Reconstruction {
	t.Helper()
	answer, err := s.DataStorage.Reconstruct(t.Context(), correlation)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// request returns a request with every field of its spec set, as the gateway would make it.
func (s *suite) request(test string) api.RemediationRequest {
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	request := api.RemediationRequest{Spec: api.RemediationRequestSpec{
		SignalFingerprint: strings.Repeat("0123456789abcdef", 4), SignalName: "OOMKilled", Severity: "critical",
		SignalType: api.PrometheusAlert, SignalSource: "alertmanager", TargetType: api.KubernetesTarget,
		TargetResource: api.TargetResource{Kind: "Pod", Name: "web-0", Namespace: s.TargetNamespace()},
		FiringTime:     now, ReceivedTime: now,
		SignalLabels:      map[string]string{"looks-like-a-number": "007", "looks-like-a-boolean": "yes"},
		SignalAnnotations: map[string]string{"summary": "two\nlines: and a colon"},
		ProviderData:      `{"receiver":"kubernaut"}`, OriginalPayload: `{"status":"firing"}`,
	}}
	request.APIVersion, request.Kind = "kubernaut.ai/v1alpha1", "RemediationRequest"
	request.Name, request.Namespace = s.flow(test), s.Namespace
	return request
}

func event[T ~string](t *testing.T, correlation string, kind T, data any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return records.Edited(records.Event(correlation), map[string]any{"event_type": string(kind), "event_data": json.RawMessage(raw)})
}

func decoded(t *testing.T, answer records.Reconstruction) api.RemediationRequest {
	t.Helper()
	request, err := answer.Request()
	if err != nil {
		t.Fatal(err)
	}
	return request
}
