package investigation_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/aianalysis/investigation"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/intake"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

func analysis() *v1alpha1.AIAnalysis {
	return &v1alpha1.AIAnalysis{
		ObjectMeta: metav1.ObjectMeta{Name: "ai-1"},
		Spec: v1alpha1.AIAnalysisSpec{
			RemediationRequestRef: v1alpha1.ObjectReference{Name: "rr-1"},
			AnalysisRequest: v1alpha1.AnalysisRequest{SignalContext: v1alpha1.SignalContext{
				Severity: "high", SignalType: "OOMKilled", Environment: "staging", BusinessPriority: "P1", Message: "two\nlines",
				TargetResource: v1alpha1.TargetResource{Kind: "Pod", Name: "shop-1", Namespace: "apps"},
				EnrichmentResults: &v1alpha1.EnrichmentResults{
					KubernetesContext:      &v1alpha1.KubernetesContext{OwnerChain: []v1alpha1.OwnerReference{{Kind: "Deployment", Name: "shop"}}},
					BusinessClassification: &v1alpha1.BusinessClassification{BusinessUnit: "retail\nunit"},
				},
			}},
		},
	}
}

func incident() holmesgpt.IncidentRequest {
	return holmesgpt.IncidentRequest{
		IncidentID: "ai-1", RemediationID: "rr-1", SignalType: "OOMKilled", Severity: "high", SignalSource: "kubernaut",
		ResourceNamespace: "apps", ResourceKind: "Pod", ResourceName: "shop-1", Environment: "staging", Priority: "P1",
		ErrorMessage: "two\nlines", BusinessCategory: "retail unit",
		EnrichmentResults: json.RawMessage(`{"kubernetesContext":{"ownerChain":[{"kind":"Deployment","name":"shop"}]},"businessClassification":{"businessUnit":"retail\nunit"}}`),
	}
}

// server answers every request and keeps the last one.
type server struct {
	url, path, token string
	body             []byte
}

func serve(t *testing.T, status int, answer string) *server {
	t.Helper()
	s := &server{}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.path, s.token = r.Method+" "+r.URL.Path, r.Header.Get("Authorization")
		s.body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(listener.Close)
	s.url = listener.URL
	return s
}

func newClient(t *testing.T, url string) *investigation.Client {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := investigation.New(investigation.Config{URL: url, TokenFile: token})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestIncident(t *testing.T) {
	s := serve(t, http.StatusOK, `{"incident_id": "ai-1", "confidence": 0.9, "selected_workflow": {"workflow_id": "w", "confidence": 0.8}}`)
	got, err := newClient(t, s.url+"/").Investigate(t.Context(), analysis())
	if err != nil {
		t.Fatal(err)
	}
	if got.Confidence != 0.9 || got.SelectedWorkflow.WorkflowID != "w" {
		t.Errorf("got %+v, want the server's answer", got)
	}
	if diff := cmp.Diff([]string{"POST /api/v1/incident/analyze", "Bearer secret"}, []string{s.path, s.token}); diff != "" {
		t.Errorf("route and token (-want +got):\n%s", diff)
	}
	sent, err := intake.ParseIncident(s.body)
	if err != nil {
		t.Fatalf("holmesgpt-api would refuse the request: %v", err)
	}
	if diff := cmp.Diff(incident(), sent); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestRecovery(t *testing.T) {
	at, code := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), int32(137)
	execution := v1alpha1.PreviousExecution{
		WorkflowExecutionRef: v1alpha1.ObjectReference{Name: "we-2"},
		OriginalRCA:          &v1alpha1.RootCauseAnalysis{Summary: "s", Severity: "high", SignalType: "OOMKilled", ContributingFactors: []string{"f"}},
		SelectedWorkflow:     &v1alpha1.SelectedWorkflow{WorkflowID: "w", Version: "1", ContainerImage: "i", Rationale: "r", Parameters: map[string]string{"A": "b"}},
		Failure:              &v1alpha1.ExecutionFailure{Reason: "TaskFailed", Message: "m", ExitCode: &code, FailedAt: &at},
	}
	want := holmesgpt.PreviousExecution{
		WorkflowExecutionRef: "we-2",
		OriginalRCA:          holmesgpt.RootCauseAnalysis{Summary: "s", Severity: "high", SignalType: "OOMKilled", ContributingFactors: []string{"f"}},
		SelectedWorkflow:     holmesgpt.PreviousWorkflow{WorkflowID: "w", Version: "1", ContainerImage: "i", Rationale: "r", Parameters: map[string]string{"A": "b"}},
		Failure:              holmesgpt.ExecutionFailure{Reason: "TaskFailed", Message: "m", ExitCode: &code, FailedAt: &at.Time},
	}
	for name, test := range map[string]struct {
		number     int32
		executions []v1alpha1.PreviousExecution
		wantNumber int
		want       holmesgpt.PreviousExecution
	}{
		"last of two":    {3, []v1alpha1.PreviousExecution{{WorkflowExecutionRef: v1alpha1.ObjectReference{Name: "we-1"}}, execution}, 3, want},
		"nothing stated": {0, nil, 1, holmesgpt.PreviousExecution{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, http.StatusOK, `{"confidence": 0.9}`)
			object := analysis()
			object.Spec.IsRecoveryAttempt, object.Spec.RecoveryAttemptNumber, object.Spec.PreviousExecutions = true, test.number, test.executions
			if _, err := newClient(t, s.url).Investigate(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			sent, err := intake.ParseRecovery(s.body)
			if err != nil || s.path != "POST /api/v1/recovery/analyze" {
				t.Fatalf("%s: error %v, want a request that holmesgpt-api takes", s.path, err)
			}
			wanted := holmesgpt.RecoveryRequest{IncidentRequest: incident(), IsRecoveryAttempt: true, RecoveryAttemptNumber: test.wantNumber, PreviousExecution: &test.want}
			if diff := cmp.Diff(wanted, sent); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the schema of an AIAnalysis lets through, holmesgpt-api must take.
func TestOddSignalsPassHolmesGPTsIntake(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.SignalContext){
		"alert name with blanks": func(s *v1alpha1.SignalContext) { s.SignalType = "High memory (pod) – 90 %" },
		"nothing but signs":      func(s *v1alpha1.SignalContext) { s.SignalType = "!?" },
		"leading sign":           func(s *v1alpha1.SignalContext) { s.SignalType = "_up" },
		"long":                   func(s *v1alpha1.SignalContext) { s.SignalType = strings.Repeat("é", 253) + strings.Repeat("x", 253) },
		"environment":            func(s *v1alpha1.SignalContext) { s.Environment = "pre prod" },
		"cluster-scoped":         func(s *v1alpha1.SignalContext) { s.TargetResource.Namespace = "" },
		"no enrichment":          func(s *v1alpha1.SignalContext) { s.EnrichmentResults = nil },
		"huge enrichment": func(s *v1alpha1.SignalContext) {
			s.EnrichmentResults.KubernetesContext.CustomLabels = map[string]string{"a": strings.Repeat("x", 300<<10)}
		},
		"no context": func(s *v1alpha1.SignalContext) {
			s.EnrichmentResults.KubernetesContext, s.EnrichmentResults.BusinessClassification.BusinessUnit = nil, strings.Repeat("x", 300<<10)
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := analysis()
			change(&object.Spec.AnalysisRequest.SignalContext)
			_, request := investigation.Request(object)
			body, err := json.Marshal(request)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := intake.ParseIncident(body); err != nil {
				t.Errorf("it is refused: %v", err)
			}
		})
	}
	object := analysis()
	object.Spec.AnalysisRequest.SignalContext.EnrichmentResults.KubernetesContext.CustomLabels = map[string]string{"a": strings.Repeat("x", 300<<10)}
	_, request := investigation.Request(object)
	if got := string(request.(holmesgpt.IncidentRequest).EnrichmentResults); !strings.Contains(got, `"ownerChain":[{"kind":"Deployment"`) {
		t.Errorf("a huge enrichment loses its owners: %.200s", got)
	}
}

func TestErrorsSayWhetherAnotherTryCanHelp(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		want   error // nil: another try may help
	}{
		"bad request":         {http.StatusBadRequest, "", investigation.ErrRefused},
		"no valid token":      {http.StatusUnauthorized, "", investigation.ErrRefused},
		"no role":             {http.StatusForbidden, "", investigation.ErrRefused},
		"not its form":        {http.StatusUnprocessableEntity, "", investigation.ErrRefused},
		"busy":                {http.StatusTooManyRequests, "", nil},
		"broke off":           {http.StatusInternalServerError, "", nil},
		"unavailable":         {http.StatusServiceUnavailable, "", nil},
		"cut short":           {http.StatusOK, `{"confidence":`, nil},
		"confidence 2":        {http.StatusOK, `{"confidence": 2}`, investigation.ErrInvalid},
		"negative confidence": {http.StatusOK, `{"confidence": 0.5, "selected_workflow": {"workflow_id": "w", "confidence": -1}}`, investigation.ErrInvalid},
		"workflow without id": {http.StatusOK, `{"confidence": 0.5, "selected_workflow": {}}`, investigation.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, serve(t, test.status, test.answer).url).Investigate(t.Context(), analysis())
			if err == nil {
				t.Fatal("got no error")
			}
			for _, permanent := range []error{investigation.ErrRefused, investigation.ErrInvalid} {
				if got, want := errors.Is(err, permanent), permanent == test.want; got != want {
					t.Errorf("error %v: is %q is %t, want %t", err, permanent, got, want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v holds the token", err)
			}
		})
	}
}

func TestAbsenceMayPass(t *testing.T) {
	listener := httptest.NewServer(http.NotFoundHandler())
	listener.Close()
	_, err := newClient(t, listener.URL).Investigate(t.Context(), analysis())
	if err == nil || errors.Is(err, investigation.ErrRefused) || !strings.Contains(err.Error(), "ai-1") {
		t.Errorf("nobody listens: got error %v, want one that may pass and names the analysis", err)
	}
	client, err := investigation.New(investigation.Config{URL: listener.URL, TokenFile: filepath.Join(t.TempDir(), "none")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Investigate(t.Context(), analysis()); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, investigation.ErrRefused) {
		t.Errorf("no token: got error %v, want one that may pass", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newClient(t, listener.URL).Investigate(ctx, analysis()); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: got error %v, want %v", err, context.Canceled)
	}
}

func TestNewRefusesWhatIsNoURL(t *testing.T) {
	for _, url := range []string{"", "holmes", "ftp://h", "http://"} {
		if _, err := investigation.New(investigation.Config{URL: url}); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
}

func FuzzClip(f *testing.F) {
	for _, text := range []string{"", "plain", "é", "日本語", "\xff\xfe"} {
		f.Add(text, 2)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 {
			return
		}
		if got := investigation.Clip(text, limit); len(got) > limit || !strings.HasPrefix(text, got) {
			t.Errorf("%q cut to %d: got %q", text, limit, got)
		}
	})
}
