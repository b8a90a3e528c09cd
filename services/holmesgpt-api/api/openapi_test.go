package api_test

import (
	"net/http"
	"testing"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/api"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/config"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/openapitest"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

func TestDescriptionHasEveryRoute(t *testing.T) {
	server := httpserver.New(settings())
	api.New(nil, config.Config{}).Register(server, func(next http.Handler) http.Handler { return next })
	openapitest.Read(t, api.Description()).Routes(t, server)
}

func TestDescriptionHasEveryField(t *testing.T) {
	openapitest.Read(t, api.Description()).Fields(t, map[string]any{
		"IncidentRequest": holmesgpt.IncidentRequest{}, "RecoveryRequest": holmesgpt.RecoveryRequest{},
		"PreviousExecution": holmesgpt.PreviousExecution{}, "PreviousWorkflow": holmesgpt.PreviousWorkflow{},
		"ExecutionFailure": holmesgpt.ExecutionFailure{}, "Response": holmesgpt.Response{},
		"RootCauseAnalysis": holmesgpt.RootCauseAnalysis{}, "Resource": holmesgpt.Resource{},
		"SelectedWorkflow": holmesgpt.SelectedWorkflow{}, "AlternativeWorkflow": holmesgpt.AlternativeWorkflow{},
		"ValidationAttempt": holmesgpt.ValidationAttempt{}, "RecoveryAnalysis": holmesgpt.RecoveryAnalysis{},
		"PreviousAttemptAssessment": holmesgpt.PreviousAttemptAssessment{}, "Problem": problem.Details{},
	})
}

func TestDescriptionHasEveryWord(t *testing.T) {
	d := openapitest.Read(t, api.Description())
	openapitest.Words(t, d, "Severity", holmesgpt.Severities())
	openapitest.Words(t, d, "HumanReviewReason", holmesgpt.HumanReviewReasons())
}
