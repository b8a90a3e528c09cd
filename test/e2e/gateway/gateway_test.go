// Package gateway_test says what the gateway promises, on a real cluster. How the cluster is reached and changed is in
// test/e2e/internal.
//
// The subtests run one after the other: some of them take the gateway or datastorage away for a while. Each posts alerts
// of its own, so that the suite may run again and again on one cluster.
package gateway_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/alerts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

func TestGateway(t *testing.T) {
	s := connect(t)
	t.Run("GW1_firing_alert_creates_a_request", s.firingAlert)
	t.Run("GW2_same_alert_again_is_a_duplicate", s.duplicate)
	t.Run("GW3_request_name_has_its_form", s.requestName)
	t.Run("GW4_fingerprint_follows_the_formula", s.fingerprint)
	t.Run("GW5_truncated_JSON_is_refused", s.truncated)
	t.Run("GW6_alert_without_a_name_is_refused", s.nameless)
	t.Run("GW7_timestamp", s.timestamp)
	t.Run("GW8_method", s.method)
	t.Run("GW9_content_type", s.contentType)
	t.Run("GW10_parallel_posts_make_one_request", func(t *testing.T) { s.parallel(t, 20) })
	t.Run("GW11_concurrency_limit", s.concurrencyLimit)
	t.Run("GW12_failed_request_is_followed_by_another", s.afterFailure)
	t.Run("GW13_kubernetes_event_creates_a_request", s.kubernetesEvent)
	t.Run("GW14_labels_and_annotation", s.metadata)
	t.Run("GW15_audit_events_reach_datastorage", s.auditTrail)
	t.Run("GW18_metrics_count_signals", s.metrics)
	t.Run("GW19_fifty_concurrent_alerts_make_one_request", func(t *testing.T) { s.parallel(t, 50) })
	t.Run("GW20_health_and_unknown_routes", s.routes)
	t.Run("GW21_datastorage_refuses_the_unauthorized", s.unauthorized)
	t.Run("GW22_schema_guards_requests", s.schema)
	t.Run("GW23_oversized_body_is_refused", s.oversized)
	t.Run("GW24_resolved_alert_is_accepted", s.resolved)
	t.Run("GW25_two_replicas_make_one_request", s.twoReplicas)
	t.Run("GW26_restart_forgets_nothing", s.restart)
	t.Run("GW17_readiness_ends_before_the_listener", s.shutdown)
	t.Run("GW16_datastorage_may_be_away", s.withoutDataStorage)
}

func (s *suite) firingAlert(t *testing.T) {
	alert := s.alert("GW1")
	response, answer := s.post(t, alert)
	if response.Status != http.StatusCreated || answer.Status != "created" || answer.Duplicate {
		t.Fatalf("got %d %s, want 201 created", response.Status, response.Body)
	}
	got := s.get(t, answer)
	want := api.RemediationRequestSpec{
		SignalFingerprint: alert.Fingerprint(),
		SignalName:        alert.Name,
		Severity:          "critical",
		SignalType:        api.PrometheusAlert,
		SignalSource:      "alertmanager",
		TargetType:        api.KubernetesTarget,
		TargetResource:    api.TargetResource{Kind: "Pod", Name: alert.Pod, Namespace: alert.Namespace},
		SignalLabels:      map[string]string{"alertname": alert.Name, "namespace": alert.Namespace, "pod": alert.Pod, "severity": "critical"},
		SignalAnnotations: map[string]string{"summary": alert.Summary},
		// Times and texts of the sender are compared nowhere.
		FiringTime: got.Spec.FiringTime, ReceivedTime: got.Spec.ReceivedTime,
		ProviderData: got.Spec.ProviderData, OriginalPayload: got.Spec.OriginalPayload,
	}
	if diff := contrast.Diff(want, got.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if !strings.Contains(got.Spec.OriginalPayload, alert.Summary) {
		t.Errorf("original payload %q does not hold the alert", got.Spec.OriginalPayload)
	}
}

func (s *suite) duplicate(t *testing.T) {
	alert := s.alert("GW2")
	_, first := s.post(t, alert)
	response, again := s.post(t, alert)
	if response.Status != http.StatusAccepted || again.Status != "duplicate" || !again.Duplicate {
		t.Errorf("got %d %s, want 202 duplicate", response.Status, response.Body)
	}
	if again.RemediationRequestName != first.RemediationRequestName {
		t.Errorf("request: got %q, want %q", again.RemediationRequestName, first.RemediationRequestName)
	}
	s.wantOneRequest(t, alert, 2)
}

func (s *suite) requestName(t *testing.T) {
	alert := s.alert("GW3")
	_, answer := s.post(t, alert)
	form := regexp.MustCompile(`^rr-[0-9a-f]{12}-[0-9a-f]+$`)
	if name := answer.RemediationRequestName; !form.MatchString(name) || !strings.HasPrefix(name, "rr-"+alert.Fingerprint()[:12]+"-") {
		t.Errorf("name: got %q, want the form %s with the fingerprint's first 12 digits", name, form)
	}
	if answer.RemediationRequestNamespace != s.Namespace {
		t.Errorf("namespace: got %q, want %q", answer.RemediationRequestNamespace, s.Namespace)
	}
}

func (s *suite) fingerprint(t *testing.T) {
	alert := s.alert("GW4")
	_, first := s.post(t, alert)
	if first.Fingerprint != alert.Fingerprint() {
		t.Errorf("fingerprint: got %q, want %q", first.Fingerprint, alert.Fingerprint())
	}
	other := alert
	other.Severity, other.Summary = "warning", "something else"
	if _, again := s.post(t, other); again.Fingerprint != first.Fingerprint || !again.Duplicate {
		t.Errorf("other severity and annotations: got fingerprint %q and duplicate %t, want the same and true", again.Fingerprint, again.Duplicate)
	}
	other = alert
	other.Pod += "x"
	if _, another := s.post(t, other); another.Fingerprint == first.Fingerprint || another.Duplicate {
		t.Errorf("other pod: got fingerprint %q and duplicate %t, want another and false", another.Fingerprint, another.Duplicate)
	}
}

// parallel posts one alert n times at once.
func (s *suite) parallel(t *testing.T, n int) {
	alert := s.alert("parallel" + strconv.Itoa(n))
	statuses := map[int]int{}
	var mu sync.Mutex
	var posts sync.WaitGroup
	for range n {
		posts.Go(func() {
			response, _, err := alerts.Post(t.Context(), s.gateway, alerts.PrometheusPath, alert.Webhook())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[response.Status]++
		})
	}
	posts.Wait()
	if diff := contrast.Diff(map[int]int{http.StatusCreated: 1, http.StatusAccepted: n - 1}, statuses); diff != "" {
		t.Errorf("number of answers by status (-want +got):\n%s", diff)
	}
	s.wantOneRequest(t, alert, int32(n))
}

func (s *suite) afterFailure(t *testing.T) {
	alert := s.alert("GW12")
	_, first := s.post(t, alert)
	failed := s.get(t, first)
	failed.Status.OverallPhase = api.Failed
	if err := s.Client.Status().Update(t.Context(), &failed); err != nil {
		t.Fatal(err)
	}
	response, second := s.post(t, alert)
	if response.Status != http.StatusCreated || second.RemediationRequestName == first.RemediationRequestName {
		t.Errorf("got %d and request %q, want 201 and another than %q", response.Status, second.RemediationRequestName, first.RemediationRequestName)
	}
	if got := s.requests(t, alert); len(got) != 2 {
		t.Errorf("got %d requests, want 2", len(got))
	}
}

func (s *suite) kubernetesEvent(t *testing.T) {
	response, answer, err := alerts.Post(t.Context(), s.gateway, alerts.KubernetesEventPath, alerts.Warning("BackOff", s.TargetNamespace(), "gw13"))
	if err != nil || response.Status != http.StatusCreated {
		t.Fatalf("got %d %s and error %v, want 201", response.Status, response.Body, err)
	}
	got := s.get(t, answer)
	if got.Spec.SignalType != api.KubernetesEvent || got.Spec.SignalName != "BackOff" {
		t.Errorf("got type %q and name %q, want %q and BackOff", got.Spec.SignalType, got.Spec.SignalName, api.KubernetesEvent)
	}
}

func (s *suite) metadata(t *testing.T) {
	alert := s.alert("GW14")
	before := time.Now().Add(-time.Minute)
	_, answer := s.post(t, alert)
	got := s.get(t, answer)
	want := map[string]string{
		api.SignalTypeLabel:        string(api.PrometheusAlert),
		api.SignalFingerprintLabel: alert.Fingerprint()[:63],
		api.SeverityLabel:          "critical",
	}
	if diff := contrast.Diff(want, got.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	created, err := time.Parse(time.RFC3339, got.Annotations[api.CreatedAtAnnotation])
	if err != nil || created.Before(before) {
		t.Errorf("annotation %s: got %q, want a present time in RFC 3339", api.CreatedAtAnnotation, got.Annotations[api.CreatedAtAnnotation])
	}
}

func (s *suite) auditTrail(t *testing.T) {
	alert := s.alert("GW15")
	_, answer := s.post(t, alert)
	s.post(t, alert)
	s.WantEvents(t, answer.RemediationRequestName, map[string]int{
		string(api.EventSignalReceived):     2,
		string(api.EventCRDCreated):         1,
		string(api.EventSignalDeduplicated): 1,
	})
}

func (s *suite) metrics(t *testing.T) {
	series := []string{"signals_received_total", "signals_deduplicated_total", "remediation_requests_created_total"}
	before := s.counters(t, series)
	alert := s.alert("GW18")
	s.post(t, alert)
	s.post(t, alert)
	got := s.counters(t, series)
	for i := range got {
		got[i] -= before[i]
	}
	if diff := contrast.Diff([]float64{2, 1, 1}, got); diff != "" {
		t.Errorf("increase of %v (-want +got):\n%s", series, diff)
	}
}

func (s *suite) resolved(t *testing.T) {
	alert := s.alert("GW24")
	body := strings.ReplaceAll(alert.Webhook(), `"status":"firing"`, `"status":"resolved"`)
	response, answer, err := alerts.Post(t.Context(), s.gateway, alerts.PrometheusPath, body)
	if err != nil || response.Status != http.StatusAccepted || answer.Status != "accepted" {
		t.Errorf("got %d %s and error %v, want 202 accepted", response.Status, response.Body, err)
	}
	if got := s.requests(t, alert); len(got) != 0 {
		t.Errorf("got %d requests, want none", len(got))
	}
}
