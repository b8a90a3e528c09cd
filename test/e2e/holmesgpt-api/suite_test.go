package holmesgptapi_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// Routes of holmesgpt-api. They are written out here, because a client has them in its code, too.
const (
	incidentPath = "/api/v1/incident/analyze"
	recoveryPath = "/api/v1/recovery/analyze"
)

// suite is what the subtests share.
type suite struct {
	*session.Session
	holmes records.Caller // with an account that may use it
	model  *wire.Client
}

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{Session: session.Connect(t, "holmesgpt-api", platform.HolmesGPTURL, platform.MockLLMURL)}
	s.model = s.Service(platform.MockLLMURL)
	s.holmes = records.Caller{Service: s.Service(platform.HolmesGPTURL), Token: s.investigator(t)}
	for component, probe := range map[string]struct {
		service *wire.Client
		path    string
	}{
		api.DataStorage: {s.DataStorage.Service, "/health/ready"}, api.MockLLM: {s.model, "/health"}, api.HolmesGPTAPI: {s.holmes.Service, "/ready"},
	} {
		if err := s.Steady(t.Context(), component, probe.service, probe.path); err != nil {
			t.Fatal(err)
		}
	}
	s.Publish(t, records.Remedies(s.environment())...)
	return s
}

// investigator returns the token of an account that may use holmesgpt-api.
func (s *suite) investigator(t *testing.T) string {
	t.Helper()
	account, token := s.NewAccount(t, "investigator")
	if err := s.Bind(t.Context(), account, api.HolmesGPTClientRole); err != nil {
		t.Fatal(err)
	}
	return token
}

// environment is that of this run's workflows; nothing is ever seeded in elsewhere.
func (s *suite) environment() string { return "e2e-" + s.Run }
func (s *suite) elsewhere() string   { return "e2e-" + s.Run + "-empty" }

// flow returns a correlation id that no other test and no other run has.
func (s *suite) flow(test string) string {
	return "rr-e2e-" + s.Run + "-" + test + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

// incident returns a good request about a signal.
func (s *suite) incident(test, signalType string) api.IncidentRequest {
	return api.IncidentRequest{
		IncidentID: "ai-" + test, RemediationID: s.flow(test), SignalType: signalType, Severity: api.IncidentSeverityCritical, SignalSource: "prometheus",
		ResourceNamespace: s.TargetNamespace(), ResourceKind: "Deployment", ResourceName: "web", ErrorMessage: "the workload fails",
		Environment: s.environment(), Priority: "P1", RiskTolerance: "low", BusinessCategory: "shop", ClusterName: "e2e",
	}
}

// analyze wants an investigation. A new binding may take a moment, hence the patience.
func (s *suite) analyze(t *testing.T, path string, request any) (got api.InvestigationResponse) {
	t.Helper()
	if err := s.holmes.Send(t.Context(), http.StatusOK, s.holmes.Request(http.MethodPost, path, request), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// wantReview wants an investigation of a signal that ends without a workflow, for a human.
func (s *suite) wantReview(t *testing.T, request api.IncidentRequest, reason api.InvestigationReason, attempts int) api.InvestigationResponse {
	t.Helper()
	got := s.analyze(t, incidentPath, request)
	if !got.NeedsHumanReview || got.HumanReviewReason != reason || got.SelectedWorkflow != nil || got.Confidence != 0 {
		t.Errorf("got %+v, want no workflow and a review for %s", got, reason)
	}
	if len(got.ValidationAttemptsHistory) != attempts {
		t.Errorf("history: got %+v, want %d attempts", got.ValidationAttemptsHistory, attempts)
	}
	return got
}

// wantProblem sends a request and wants a problem with the status that blames exactly these fields.
func wantProblem(t *testing.T, service *wire.Client, request wire.Request, status int, fields ...string) api.Problem {
	t.Helper()
	response, err := service.Do(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	got, err := response.Problem(status, request.Path)
	if err != nil {
		t.Fatalf("%s %s: %v", request.Method, request.Path, err)
	}
	for _, field := range fields {
		if got.FieldErrors[field] == "" {
			t.Errorf("%s %s: field errors %v do not name %s", request.Method, request.Path, got.FieldErrors, field)
		}
	}
	if len(got.FieldErrors) != len(fields) {
		t.Errorf("%s %s: got field errors %v, want them for %v alone", request.Method, request.Path, got.FieldErrors, fields)
	}
	return got
}
