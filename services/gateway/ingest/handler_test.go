package ingest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/gateway/ingest"
	"github.com/kubernaut/kubernaut/services/gateway/remediation"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

const validAlert = `{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"OOM","namespace":"shop","pod":"cart-1"}}]}`
const validEvent = `{"type":"Warning","reason":"BackOff","involvedObject":{"kind":"Pod","name":"cart-1","namespace":"shop"}}`
const maxBody = 4096

func TestAnswers(t *testing.T) {
	two := `{"alerts":[{"labels":{"alertname":"A"}},{"labels":{"alertname":"B"}},{"status":"resolved","labels":{"alertname":"C"}}]}`
	for name, test := range map[string]struct {
		path, body string
		known      []string // names of signals that have an active request
		wantStatus int
		want       ingest.Answer
	}{
		"created": {
			ingest.PrometheusPath, validAlert, nil, 201,
			ingest.Answer{Status: "created", RemediationRequestName: "rr-OOM", Metadata: ingest.Counts{Signals: 1, Created: 1}},
		},
		"duplicate": {
			ingest.PrometheusPath, validAlert, []string{"OOM"}, 202,
			ingest.Answer{Status: "duplicate", Duplicate: true, RemediationRequestName: "rr-OOM", Metadata: ingest.Counts{Signals: 1, Duplicates: 1}},
		},
		"event": {
			ingest.KubernetesEventPath, validEvent, nil, 201,
			ingest.Answer{Status: "created", RemediationRequestName: "rr-BackOff", Metadata: ingest.Counts{Signals: 1, Created: 1}},
		},
		"the created one of two": {
			ingest.PrometheusPath, two, []string{"A"}, 201,
			ingest.Answer{Status: "created", RemediationRequestName: "rr-B", Metadata: ingest.Counts{Signals: 2, Created: 1, Duplicates: 1}},
		},
		"unknown fields pass": {
			ingest.PrometheusPath, `{"new":{"in":["v5"]},"alerts":[{"labels":{"alertname":"OOM"},"extra":1}]}`, nil, 201,
			ingest.Answer{Status: "created", RemediationRequestName: "rr-OOM", Metadata: ingest.Counts{Signals: 1, Created: 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := start(t, &requests{known: test.known}, 10)
			response, body := gateway.post(t, test.path, test.body, nil)
			if response.StatusCode != test.wantStatus {
				t.Fatalf("status: got %d, want %d: %s", response.StatusCode, test.wantStatus, body)
			}
			var got ingest.Answer
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Fingerprint) != 64 || got.Message == "" {
				t.Errorf("got fingerprint %q and message %q", got.Fingerprint, got.Message)
			}
			test.want.RemediationRequestNamespace = "ns"
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(ingest.Answer{}, "Fingerprint", "Message")); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNothingToRemedyIsAccepted(t *testing.T) {
	gateway := start(t, &requests{}, 10)
	for path, body := range map[string]string{
		ingest.PrometheusPath:      `{"alerts":[{"status":"resolved","labels":{"alertname":"OOM"}}]}`,
		ingest.KubernetesEventPath: strings.Replace(validEvent, "Warning", "Normal", 1),
	} {
		response, answer := gateway.post(t, path, body, nil)
		if response.StatusCode != 202 || !strings.Contains(string(answer), `"status":"accepted"`) {
			t.Errorf("%s: got %d %s, want 202 accepted", path, response.StatusCode, answer)
		}
	}
	if len(gateway.requests.submitted) != 0 {
		t.Errorf("submitted %v, want nothing", gateway.requests.submitted)
	}
}

func TestRefusals(t *testing.T) {
	now := time.Now().Unix()
	stamp := func(offset int64) http.Header {
		return http.Header{ingest.TimestampHeader: {strconv.FormatInt(now+offset, 10)}}
	}
	media := func(value string) http.Header { return http.Header{"Content-Type": {value}} }
	for name, test := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		detail             string
	}{
		"no timestamp":         {"POST", ingest.PrometheusPath, validAlert, http.Header{ingest.TimestampHeader: nil}, 400, "is required"},
		"word as timestamp":    {"POST", ingest.PrometheusPath, validAlert, http.Header{ingest.TimestampHeader: {"soon"}}, 400, `must be unix seconds, got "soon"`},
		"fraction":             {"POST", ingest.PrometheusPath, validAlert, http.Header{ingest.TimestampHeader: {"1.5"}}, 400, "must be unix seconds"},
		"beyond 64 bits":       {"POST", ingest.PrometheusPath, validAlert, http.Header{ingest.TimestampHeader: {strings.Repeat("9", 40)}}, 400, "must be unix seconds"},
		"largest number":       {"POST", ingest.PrometheusPath, validAlert, http.Header{ingest.TimestampHeader: {"9223372036854775807"}}, 400, "in the future"},
		"negative":             {"POST", ingest.PrometheusPath, validAlert, stamp(-2 * now), 400, "must not be negative"},
		"6 min old":            {"POST", ingest.PrometheusPath, validAlert, stamp(-360), 400, "too old"},
		"3 min ahead":          {"POST", ingest.PrometheusPath, validAlert, stamp(180), 400, "in the future"},
		"PUT":                  {"PUT", ingest.PrometheusPath, validAlert, stamp(0), 405, "use POST"},
		"stale PUT":            {"PUT", ingest.PrometheusPath, validAlert, stamp(-360), 400, "too old"},
		"GET":                  {"GET", ingest.PrometheusPath, "", http.Header{ingest.TimestampHeader: nil}, 405, "use POST"},
		"OPTIONS":              {"OPTIONS", ingest.KubernetesEventPath, "", http.Header{ingest.TimestampHeader: nil}, 405, "use POST"},
		"plain text":           {"POST", ingest.PrometheusPath, validAlert, media("text/plain"), 415, "application/json"},
		"broken media type":    {"POST", ingest.PrometheusPath, validAlert, media("application/json; charset"), 415, "application/json"},
		"media before body":    {"POST", ingest.PrometheusPath, "{", media("text/plain"), 415, "application/json"},
		"empty body":           {"POST", ingest.PrometheusPath, "", nil, 400, "got nothing"},
		"truncated":            {"POST", ingest.PrometheusPath, validAlert[:40], nil, 400, "not JSON"},
		"no alertname":         {"POST", ingest.PrometheusPath, `{"alerts":[{"labels":{}}]}`, nil, 400, "alertname"},
		"event without reason": {"POST", ingest.KubernetesEventPath, strings.Replace(validEvent, "BackOff", "", 1), nil, 400, `"reason"`},
		"not UTF-8":            {"POST", ingest.PrometheusPath, "{\"a\":\"\xff\"}", nil, 400, "UTF-8"},
		"oversize":             {"POST", ingest.PrometheusPath, strings.Repeat(" ", maxBody) + validAlert, nil, 413, "4096 bytes"},
		"unknown route":        {"POST", "/api/v1/signals/nagios", validAlert, nil, 404, "/api/v1/signals/nagios"},
		"delete metrics":       {"DELETE", "/metrics", "", nil, 405, "GET"},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := start(t, &requests{}, 10)
			response, body := gateway.do(t, test.method, test.path, test.body, test.header)
			want := problem.New(test.status, "")
			want.Instance = test.path
			var got problem.Details
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatalf("decoding %q: %v", body, err)
			}
			if response.StatusCode != test.status || response.Header.Get("Content-Type") != problem.ContentType {
				t.Errorf("got %d %q, want %d %q", response.StatusCode, response.Header.Get("Content-Type"), test.status, problem.ContentType)
			}
			if diff := cmp.Diff(*want, got, cmpopts.IgnoreFields(problem.Details{}, "Detail", "FieldErrors")); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if !strings.Contains(got.Detail, test.detail) {
				t.Errorf("detail: got %q, want one with %q", got.Detail, test.detail)
			}
			if n := len(gateway.requests.submitted); n != 0 {
				t.Errorf("submitted %d signals of a refused post", n)
			}
		})
	}
}

func TestTolerated(t *testing.T) {
	ahead := strconv.FormatInt(time.Now().Unix()+60, 10)
	for name, header := range map[string]http.Header{
		"no content type": {"Content-Type": nil},
		"charset":         {"Content-Type": {"application/json; charset=ISO-8859-1"}},
		"upper case":      {"Content-Type": {"Application/JSON"}},
		"1 min ahead":     {ingest.TimestampHeader: {ahead}},
	} {
		t.Run(name, func(t *testing.T) {
			response, body := start(t, &requests{}, 10).post(t, ingest.PrometheusPath, validAlert, header)
			if response.StatusCode != 201 {
				t.Errorf("got %d %s, want 201", response.StatusCode, body)
			}
		})
	}
}

func TestFailuresOfKubernetes(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"busy":        {remediation.ErrBusy, 503},
		"unreachable": {errors.New("dial tcp 10.96.0.1:443: connection refused"), 503},
		"throttled":   {apierrors.NewTooManyRequests("slow down", 1), 503},
		"refused":     {apierrors.NewForbidden(v1alpha1.GroupVersion().WithResource("remediationrequests").GroupResource(), "x", errors.New("no")), 500},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := start(t, &requests{err: test.err}, 10)
			response, body := gateway.post(t, ingest.PrometheusPath, validAlert, nil)
			if response.StatusCode != test.status {
				t.Errorf("status: got %d, want %d", response.StatusCode, test.status)
			}
			if strings.Contains(string(body), "10.96") || strings.Contains(string(body), "forbidden") {
				t.Errorf("the body tells the cause: %s", body)
			}
			if got := gateway.metric(t, `kubernaut_gateway_remediation_requests_failed_total{signal_type="prometheus-alert"}`); got != "1" {
				t.Errorf("failed signals: got %s, want 1", got)
			}
		})
	}
}

func TestConcurrencyLimit(t *testing.T) {
	const limit = 3
	slow := &requests{enter: make(chan struct{}, limit), leave: make(chan struct{})}
	gateway := start(t, slow, limit)
	var held sync.WaitGroup
	for range limit {
		held.Go(func() { gateway.post(t, ingest.PrometheusPath, validAlert, nil) })
	}
	for range limit {
		<-slow.enter
	}
	for _, path := range []string{ingest.PrometheusPath, ingest.KubernetesEventPath} {
		response, body := gateway.do(t, "POST", path, "", http.Header{ingest.TimestampHeader: nil})
		if response.StatusCode != 503 || !strings.Contains(string(body), "service-unavailable") {
			t.Errorf("%s above the limit: got %d %s, want a 503 problem before any other check", path, response.StatusCode, body)
		}
	}
	if response, _ := gateway.do(t, "GET", "/health", "", nil); response.StatusCode != 200 {
		t.Errorf("/health above the limit: got %d, want 200", response.StatusCode)
	}
	close(slow.leave)
	held.Wait()
	if response, _ := gateway.post(t, ingest.PrometheusPath, validAlert, nil); response.StatusCode != 201 {
		t.Errorf("after the storm: got %d, want 201", response.StatusCode)
	}
}

func TestAuditTrail(t *testing.T) {
	for name, test := range map[string]struct {
		requests *requests
		want     []string
	}{
		"created":         {&requests{}, []string{"gateway.signal.received success", "gateway.crd.created success"}},
		"duplicate":       {&requests{known: []string{"OOM"}}, []string{"gateway.signal.received success", "gateway.signal.deduplicated success"}},
		"creation failed": {&requests{err: errors.New("no"), named: true}, []string{"gateway.signal.received success", "gateway.crd.failed failure"}},
		"no name known":   {&requests{err: remediation.ErrBusy}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := start(t, test.requests, 10)
			gateway.post(t, ingest.PrometheusPath, validAlert, nil)
			var got []string
			for _, event := range gateway.trail.events {
				got = append(got, string(event.Type)+" "+string(event.Outcome))
				if event.CorrelationID != "rr-OOM" || event.Category != "gateway" {
					t.Errorf("%s: got correlation id %q and category %q", event.Type, event.CorrelationID, event.Category)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreatedEventHoldsTheWholeRequest(t *testing.T) {
	gateway := start(t, &requests{}, 10)
	gateway.post(t, ingest.PrometheusPath, validAlert, nil)
	var got struct {
		Request v1alpha1.RemediationRequest `json:"remediation_request"`
	}
	if err := json.Unmarshal(gateway.trail.events[1].Data, &got); err != nil {
		t.Fatal(err)
	}
	want := *request("OOM")
	want.TypeMeta = metav1.TypeMeta{APIVersion: "kubernaut.ai/v1alpha1", Kind: "RemediationRequest"}
	if diff := cmp.Diff(want, got.Request); diff != "" {
		t.Errorf("request in the event (-want +got):\n%s", diff)
	}
}

func TestMetricsCountSignals(t *testing.T) {
	gateway := start(t, &requests{known: []string{"B"}}, 10)
	gateway.post(t, ingest.PrometheusPath, `{"alerts":[{"labels":{"alertname":"A"}},{"labels":{"alertname":"B"}}]}`, nil)
	for name, want := range map[string]string{
		`kubernaut_gateway_signals_received_total{signal_type="prometheus-alert"}`:             "2",
		`kubernaut_gateway_signals_deduplicated_total{signal_type="prometheus-alert"}`:         "1",
		`kubernaut_gateway_remediation_requests_created_total{signal_type="prometheus-alert"}`: "1",
		`kubernaut_gateway_remediation_requests_failed_total{signal_type="prometheus-alert"}`:  "0",
		`kubernaut_gateway_signals_received_total{signal_type="kubernetes-event"}`:             "0",
	} {
		if got := gateway.metric(t, name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
