package investigation

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

const (
	// source is the origin of every signal: the analysis does not know by which way the platform got it.
	source = "kubernaut"
	// maxText bounds texts of an earlier execution in bytes; holmesgpt-api takes 64 KiB of it in all.
	maxText = 8 << 10
	// maxEnrichment is holmesgpt-api's limit in bytes.
	maxEnrichment = 256 << 10
	// maxWord is holmesgpt-api's limit for labels and identifiers in bytes.
	maxWord = 253
)

// Request returns the route and the body for an analysis.
func Request(analysis *v1alpha1.AIAnalysis) (path string, body any) {
	incident := incident(analysis)
	if !analysis.Spec.IsRecoveryAttempt {
		return holmesgpt.IncidentPath, incident
	}
	return holmesgpt.RecoveryPath, holmesgpt.RecoveryRequest{
		IncidentRequest:       incident,
		IsRecoveryAttempt:     true,
		RecoveryAttemptNumber: int(max(1, analysis.Spec.RecoveryAttemptNumber)),
		PreviousExecution:     last(analysis.Spec.PreviousExecutions),
	}
}

func incident(analysis *v1alpha1.AIAnalysis) holmesgpt.IncidentRequest {
	signal := analysis.Spec.AnalysisRequest.SignalContext
	request := holmesgpt.IncidentRequest{
		IncidentID:        word(analysis.Name),
		RemediationID:     word(analysis.Spec.RemediationRequestRef.Name),
		SignalType:        word(signal.SignalType),
		Severity:          holmesgpt.Severity(signal.Severity),
		SignalSource:      source,
		ResourceNamespace: signal.TargetResource.Namespace,
		ResourceKind:      word(signal.TargetResource.Kind),
		ResourceName:      word(signal.TargetResource.Name),
		Environment:       word(signal.Environment),
		Priority:          word(signal.BusinessPriority),
		ErrorMessage:      signal.Message,
	}
	found := signal.EnrichmentResults
	if found == nil {
		return request
	}
	request.EnrichmentResults = encode(found)
	if found.BusinessClassification != nil {
		request.BusinessCategory = line(found.BusinessClassification.BusinessUnit)
	}
	return request
}

// encode leaves out all but the owners when the whole is more than holmesgpt-api takes.
func encode(found *v1alpha1.EnrichmentResults) json.RawMessage {
	// Texts, numbers and booleans always marshal.
	raw, _ := json.Marshal(found)
	if len(raw) <= maxEnrichment {
		return raw
	}
	owners := &v1alpha1.EnrichmentResults{}
	if found.KubernetesContext != nil {
		owners.KubernetesContext = &v1alpha1.KubernetesContext{OwnerChain: found.KubernetesContext.OwnerChain}
	}
	raw, _ = json.Marshal(owners)
	return raw
}

// last returns the latest execution, which the list ends with; an empty one when there is none.
func last(executions []v1alpha1.PreviousExecution) *holmesgpt.PreviousExecution {
	previous := &holmesgpt.PreviousExecution{}
	if len(executions) == 0 {
		return previous
	}
	from := executions[len(executions)-1]
	previous.WorkflowExecutionRef = from.WorkflowExecutionRef.Name
	if cause := from.OriginalRCA; cause != nil {
		previous.OriginalRCA = holmesgpt.RootCauseAnalysis{
			Summary: Clip(cause.Summary, maxText), Severity: cause.Severity, SignalType: cause.SignalType, ContributingFactors: cause.ContributingFactors,
		}
	}
	if workflow := from.SelectedWorkflow; workflow != nil {
		previous.SelectedWorkflow = holmesgpt.PreviousWorkflow{
			WorkflowID: workflow.WorkflowID, Version: workflow.Version, ContainerImage: workflow.ContainerImage,
			Parameters: workflow.Parameters, Rationale: Clip(workflow.Rationale, maxText),
		}
	}
	if failure := from.Failure; failure != nil {
		previous.Failure = holmesgpt.ExecutionFailure{Reason: failure.Reason, Message: Clip(failure.Message, maxText), ExitCode: failure.ExitCode}
		if failure.FailedAt != nil {
			at := failure.FailedAt.UTC()
			previous.Failure.FailedAt = &at
		}
	}
	return previous
}

// word makes a label of a text: alert names may have blanks and brackets, which holmesgpt-api refuses.
func word(text string) string {
	mapped := strings.Map(func(r rune) rune {
		if letterOrDigit(r) || strings.ContainsRune("._:/-", r) {
			return r
		}
		return '-'
	}, text)
	mapped = strings.TrimLeftFunc(mapped, func(r rune) bool { return !letterOrDigit(r) })
	if mapped == "" {
		return "unknown"
	}
	return mapped[:min(len(mapped), maxWord)]
}

func letterOrDigit(r rune) bool {
	return (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9')
}

// line makes one line of a text.
func line(text string) string { return Clip(strings.Join(strings.Fields(text), " "), maxWord) }

// Clip returns at most limit bytes of a text, without a half character at the end.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
