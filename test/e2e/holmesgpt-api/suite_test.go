package holmesgptapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// Routes of holmesgpt-api. They are written out here, because a client has them in its code, too.
const (
	incidentPath = "/api/v1/incident/analyze"
	recoveryPath = "/api/v1/recovery/analyze"
)

// suite is what the subtests share.
type suite struct {
	*platform.Platform
	holmes      records.Caller // with an account that may use it
	dataStorage records.Caller // with an account that may use it
	model       *wire.Client
	accounts    []string
	workflows   []string // ids, to be archived at the end
}

func connect(t *testing.T) *suite {
	t.Helper()
	env, err := platform.ReadEnvironment("holmesgpt-api", os.LookupEnv, platform.HolmesGPTURL, platform.MockLLMURL, platform.DataStorageURL)
	if err != nil {
		t.Fatal(err)
	}
	p, err := platform.Connect(env)
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{Platform: p, model: wire.NewClient(env.URLs[platform.MockLLMURL])}
	t.Cleanup(func() { s.cleanUp(t) })
	s.holmes = records.Caller{Service: wire.NewClient(env.URLs[platform.HolmesGPTURL]), Token: s.account(t, "investigator", api.HolmesGPTClientRole)}
	s.dataStorage = records.Caller{Service: wire.NewClient(env.URLs[platform.DataStorageURL]), Token: s.account(t, "auditor", api.DataStorageClientRole)}
	for component, probe := range map[string]struct {
		service *wire.Client
		path    string
	}{
		api.DataStorage: {s.dataStorage.Service, "/health/ready"}, api.MockLLM: {s.model, "/health"}, api.HolmesGPTAPI: {s.holmes.Service, "/ready"},
	} {
		if err := p.Steady(t.Context(), component, probe.service, probe.path); err != nil {
			t.Fatal(err)
		}
	}
	s.seed(t)
	return s
}

// account returns the token of a new account that holds the role, none for "".
func (s *suite) account(t *testing.T, name, role string) string {
	t.Helper()
	account, token, err := s.Account(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	s.accounts = append(s.accounts, account)
	if role == "" {
		return token
	}
	if err := s.Bind(t.Context(), account, role); err != nil {
		t.Fatal(err)
	}
	return token
}

// cleanUp runs after the tests, when t's context is over.
func (s *suite) cleanUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	for _, id := range s.workflows {
		errs = append(errs, s.dataStorage.Archive(ctx, id))
	}
	for _, account := range s.accounts {
		errs = append(errs, s.RemoveAccount(ctx, account))
	}
	if err := errors.Join(errs...); err != nil {
		t.Errorf("cleaning up: %v", err)
	}
}

// environment is that of this run's workflows; nothing is ever seeded in elsewhere.
func (s *suite) environment() string { return "e2e-" + s.Run }
func (s *suite) elsewhere() string   { return "e2e-" + s.Run + "-empty" }

// seed puts the remedies into the catalogue until the suite ends.
func (s *suite) seed(t *testing.T) {
	t.Helper()
	for _, workflow := range records.Remedies(s.environment()) {
		s.eventually(t, func(ctx context.Context) error { // the API server learns of a new binding a moment after it was made
			id, err := s.dataStorage.Publish(ctx, workflow)
			if err == nil {
				s.workflows = append(s.workflows, id)
			}
			return err
		})
	}
}

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

// wantEvents waits until datastorage has exactly these numbers of events by type under the correlation id.
func (s *suite) wantEvents(t *testing.T, correlation string, want map[string]int) {
	t.Helper()
	s.eventually(t, func(ctx context.Context) error {
		page, err := s.dataStorage.Events(ctx, url.Values{"correlation_id": {correlation}})
		if err != nil {
			return err
		}
		got := map[string]int{}
		for _, event := range page.Data {
			got[string(event.Type)]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("events of %s (-want +got):\n%s", correlation, diff)
		}
		return nil
	})
}

func (s *suite) eventually(t *testing.T, done func(context.Context) error) {
	t.Helper()
	if err := platform.Eventually(t.Context(), done); err != nil {
		t.Fatal(err)
	}
}
