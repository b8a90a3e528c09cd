package holmesgptapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// access also shows that a role of another service is no way in.
func (s *suite) access(t *testing.T) {
	body := s.incident("hg3", "OOMKilled")
	_, stranger := s.NewAccount(t, "stranger")
	for name, test := range map[string]struct {
		token  string
		status int
	}{
		"no_token":      {"", http.StatusUnauthorized},
		"garbage":       {"not-a-token", http.StatusUnauthorized},
		"cut_short":     {s.holmes.Token[:len(s.holmes.Token)-4], http.StatusUnauthorized},
		"unbound":       {stranger, http.StatusForbidden},
		"other_service": {s.DataStorage.Token, http.StatusForbidden},
	} {
		t.Run("HG3_"+name, func(t *testing.T) {
			for _, path := range []string{incidentPath, recoveryPath} {
				wantProblem(t, s.holmes.Service, records.Caller{Token: test.token}.Request(http.MethodPost, path, body), test.status)
			}
		})
	}
	t.Run("HG3_bound", func(t *testing.T) {
		if err := s.Bind(t.Context(), "e2e-"+s.Run+"-stranger", api.HolmesGPTClientRole); err != nil {
			t.Fatal(err)
		}
		newcomer := records.Caller{Service: s.holmes.Service, Token: stranger}
		s.Eventually(t, func(ctx context.Context) error {
			return newcomer.Send(ctx, http.StatusOK, newcomer.Request(http.MethodPost, incidentPath, body), nil)
		})
	})
}

func (s *suite) malformed(t *testing.T) {
	request := s.incident("hg4", "OOMKilled")
	good := s.holmes.Request(http.MethodPost, incidentPath, request)
	for name, test := range map[string]struct {
		spoil  func(*wire.Request)
		status int
	}{
		"truncated":  {func(r *wire.Request) { r.Body = r.Body[:len(r.Body)/2] }, http.StatusBadRequest},
		"twice":      {func(r *wire.Request) { r.Body += r.Body }, http.StatusBadRequest},
		"empty":      {func(r *wire.Request) { r.Body = "" }, http.StatusBadRequest},
		"list":       {func(r *wire.Request) { r.Body = "[]" }, http.StatusBadRequest},
		"plain_text": {func(r *wire.Request) { r.Header = map[string]string{"Content-Type": "text/plain"} }, http.StatusUnsupportedMediaType},
		"oversized":  {func(r *wire.Request) { r.Body = `"` + strings.Repeat("x", 1<<20) + `"` }, http.StatusRequestEntityTooLarge},
		"method":     {func(r *wire.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed},
		"route":      {func(r *wire.Request) { r.Path += "/result" }, http.StatusNotFound},
	} {
		t.Run("HG4_"+name, func(t *testing.T) {
			bad := good
			test.spoil(&bad)
			wantProblem(t, s.holmes.Service, bad, test.status)
		})
	}
	for name, test := range map[string]struct {
		field string
		value any
	}{
		"missing_remediation_id": {"remediation_id", nil},
		"missing_severity":       {"severity", nil},
		"severity_huge":          {"severity", "huge"},
		"severity_number":        {"severity", 5},
		"SQL":                    {"environment", "x'; DROP TABLE workflows; --"},
		"two_lines":              {"cluster_name", "a\nenvironment: production"},
		"unknown_field":          {"surprise", 1},
		"enrichment_list":        {"enrichment_results", []any{}},
	} {
		t.Run("HG4_"+name, func(t *testing.T) {
			bad := records.Edited(request, map[string]any{test.field: test.value})
			wantProblem(t, s.holmes.Service, s.holmes.Request(http.MethodPost, incidentPath, bad), http.StatusUnprocessableEntity, test.field)
		})
	}
}

func (s *suite) openRoutes(t *testing.T) {
	for path, want := range map[string]string{
		"/health": `"status":"ok"`, "/ready": `"status":"ready"`, "/metrics": "kubernaut_holmesgpt_investigations_total", "/config": `"provider":"openai"`,
	} {
		response, err := s.holmes.Service.Want(t.Context(), http.StatusOK, wire.Request{Path: path})
		if err != nil || !strings.Contains(response.Body, want) {
			t.Errorf("%s: got %.300s, error %v, want %s", path, response.Body, err, want)
		}
		if strings.Contains(strings.ToLower(response.Body), "api_key") {
			t.Errorf("%s speaks of a key: %.300s", path, response.Body)
		}
	}
}
