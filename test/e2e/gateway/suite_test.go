package gateway_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/alerts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// suite is what the subtests share.
type suite struct {
	*session.Session
	gateway *wire.Client
}

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{Session: session.Connect(t, "gateway", platform.GatewayURL)}
	s.gateway = s.Service(platform.GatewayURL)
	s.RemoveRequestsFinally(t)
	s.settle(t)
	return s
}

// alert returns an alert that no other test and no other run has.
func (s *suite) alert(test string) alerts.Alert {
	return alerts.Alert{
		Name:      "E2E" + test,
		Namespace: s.TargetNamespace(),
		Pod:       strings.ToLower(test) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36),
		Severity:  "critical",
		Summary:   "made by run " + s.Run,
	}
}

func (s *suite) post(t *testing.T, alert alerts.Alert) (wire.Response, alerts.Answer) {
	t.Helper()
	response, answer, err := alerts.Post(t.Context(), s.gateway, alerts.PrometheusPath, alert.Webhook())
	if err != nil {
		t.Fatal(err)
	}
	return response, answer
}

func (s *suite) do(t *testing.T, request wire.Request) wire.Response {
	t.Helper()
	response, err := s.gateway.Do(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// wantProblem sends a request, with a fresh timestamp unless its header has one, and wants an RFC 7807 answer.
func (s *suite) wantProblem(t *testing.T, request wire.Request, want int, detail string) {
	t.Helper()
	header := alerts.Headers()
	for name, value := range request.Header {
		header[name] = value
	}
	request.Header = header
	got, err := s.do(t, request).Problem(want, request.Path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Detail, detail) {
		t.Errorf("got problem %+v, want a detail with %q", got, detail)
	}
}

func (s *suite) get(t *testing.T, answer alerts.Answer) api.RemediationRequest {
	t.Helper()
	var request api.RemediationRequest
	key := client.ObjectKey{Namespace: answer.RemediationRequestNamespace, Name: answer.RemediationRequestName}
	if err := s.Client.Get(t.Context(), key, &request); err != nil {
		t.Fatal(err)
	}
	return request
}

func (s *suite) requests(t *testing.T, alert alerts.Alert) []api.RemediationRequest {
	t.Helper()
	requests, err := s.Requests(t.Context(), alert.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	return requests
}

func (s *suite) wantOneRequest(t *testing.T, alert alerts.Alert, occurrences int32) {
	t.Helper()
	got := s.requests(t, alert)
	if len(got) != 1 {
		t.Fatalf("got %d requests, want 1", len(got))
	}
	if seen := got[0].Status.Deduplication; seen == nil || seen.OccurrenceCount != occurrences {
		t.Errorf("deduplication: got %+v, want %d occurrences", seen, occurrences)
	}
}

// counters returns the sums over all labels of the gateway's counters.
func (s *suite) counters(t *testing.T, names []string) []float64 {
	t.Helper()
	sums := make([]float64, len(names))
	metrics := s.do(t, wire.Request{Path: "/metrics"})
	for i, name := range names {
		sum, found := metrics.Metric("kubernaut_gateway_"+name, "")
		if !found {
			t.Errorf("/metrics has no counter %s", name)
		}
		sums[i] = sum
	}
	return sums
}

// restore works after a test's end, too.
func (s *suite) restore(t *testing.T, component string, replicas int32) {
	t.Helper()
	if _, err := s.Scale(context.WithoutCancel(t.Context()), component, replicas); err != nil {
		t.Errorf("restoring %s: %v", component, err)
	}
}

// settle waits until the gateway has all its pods and the way to them is steady.
func (s *suite) settle(t *testing.T) {
	t.Helper()
	if err := s.Steady(context.WithoutCancel(t.Context()), api.Gateway, s.gateway, "/ready"); err != nil {
		t.Fatal(err)
	}
}
