package ingest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/gateway/ingest"
	"github.com/kubernaut/kubernaut/services/gateway/remediation"
	"github.com/kubernaut/kubernaut/services/gateway/signal"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/openapitest"
)

type gateway struct {
	url      string
	requests *requests
	trail    *trail
}

// start serves the real handler on a real listener; only Kubernetes and datastorage are stand-ins.
func start(t *testing.T, submitter *requests, limit int) gateway {
	t.Helper()
	server := httpserver.New(httpserver.Config{Name: "gateway", MaxBody: maxBody})
	recorder := &trail{}
	ingest.New(ingest.Config{
		Requests: submitter, Audit: recorder, Registerer: server.Registry(), MaxConcurrent: limit,
	}).Register(server)
	listener := httptest.NewServer(openapitest.Read(t, description).Watch(t, server.Handler()))
	t.Cleanup(listener.Close)
	return gateway{url: listener.URL, requests: submitter, trail: recorder}
}

func (g gateway) post(t *testing.T, path, body string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	return g.do(t, "POST", path, body, header)
}

// do sends a JSON post of now; header replaces single fields, and a nil value removes one.
func (g gateway) do(t *testing.T, method, path, body string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(ingest.TimestampHeader, strconv.FormatInt(time.Now().Unix(), 10))
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response, content
}

func (g gateway) metric(t *testing.T, series string) string {
	t.Helper()
	_, body := g.do(t, "GET", "/metrics", "", nil)
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Errorf("no series %s", series)
	return ""
}

// requests stands for the Kubernetes side.
type requests struct {
	known        []string
	err          error
	named        bool // the failure happens once the name is known
	enter, leave chan struct{}

	mu        sync.Mutex
	submitted []string
}

func (r *requests) Submit(_ context.Context, s signal.Signal) (remediation.Result, error) {
	r.mu.Lock()
	r.submitted = append(r.submitted, s.Name)
	r.mu.Unlock()
	if r.leave != nil {
		select {
		case r.enter <- struct{}{}:
		default:
		}
		<-r.leave
	}
	if r.err != nil && !r.named {
		return remediation.Result{}, r.err
	}
	result := remediation.Result{Request: request(s.Name), Occurrences: 1}
	for _, name := range r.known {
		result.Duplicate = result.Duplicate || name == s.Name
	}
	return result, r.err
}

func request(name string) *v1alpha1.RemediationRequest {
	return &v1alpha1.RemediationRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "rr-" + name, Namespace: "ns"},
		Spec: v1alpha1.RemediationRequestSpec{
			SignalName: name, Severity: "critical", SignalLabels: map[string]string{"a": "b"}, OriginalPayload: `{"x":"<&>"}`,
		},
	}
}

type trail struct {
	mu     sync.Mutex
	events []audit.Event
}

func (t *trail) Record(events ...audit.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, events...)
}
