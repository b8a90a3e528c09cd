package investigate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/catalogue"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

// The outcomes that a model may state.
const (
	outcomeResolved     = "resolved"
	outcomeInconclusive = "inconclusive"
)

// verdict is what one answer of the model is worth.
type verdict struct {
	answer answer
	prose  string
	// workflow is set when the proposal agrees with the catalogue.
	workflow *holmesgpt.SelectedWorkflow
	// reason is empty when no human has to look.
	reason holmesgpt.HumanReviewReason
	// errors are what the model can do better; with any of them the answer is refused.
	errors, warnings []string
}

func (v verdict) valid() bool { return len(v.errors) == 0 }

func (v verdict) attempt(number int, now time.Time) holmesgpt.ValidationAttempt {
	attempt := holmesgpt.ValidationAttempt{Attempt: number, IsValid: v.valid(), Errors: list(v.errors), Timestamp: now.UTC()}
	if v.answer.Selected != nil {
		attempt.WorkflowID = v.answer.Selected.WorkflowID
	}
	return attempt
}

func (v verdict) refuse(reason holmesgpt.HumanReviewReason, faults ...string) verdict {
	v.workflow, v.reason, v.errors = nil, reason, faults
	return v
}

// judge reads a text of the model and checks what it proposes. Errors are the catalogue's.
func (i *Investigator) judge(ctx context.Context, request holmesgpt.IncidentRequest, text string) (verdict, error) {
	var v verdict
	var err error
	v.answer, v.prose, err = parse(text)
	if err != nil {
		return v.refuse(holmesgpt.ReasonLLMParsingError, err.Error()), nil
	}
	switch {
	case v.answer.Analysis != "":
		v.prose = v.answer.Analysis
	case v.prose == "":
		v.prose = v.answer.RootCause.Summary
	}
	v.reason = stated(v.answer)
	if v.answer.Selected == nil {
		return v, nil
	}
	return i.check(ctx, request, v)
}

// stated is what the answer itself says about the need for a human.
func stated(a answer) holmesgpt.HumanReviewReason {
	switch {
	case a.NeedsHumanReview && slices.Contains(holmesgpt.HumanReviewReasons(), a.HumanReviewReason):
		return a.HumanReviewReason
	case a.NeedsHumanReview || a.Outcome == outcomeInconclusive:
		return holmesgpt.ReasonInvestigationInconclusive
	case a.Selected == nil && a.Outcome != outcomeResolved:
		return holmesgpt.ReasonNoMatchingWorkflows
	case a.Selected != nil && !named(a.AffectedResource):
		return holmesgpt.ReasonRCAIncomplete
	}
	return ""
}

func named(r *holmesgpt.Resource) bool { return r != nil && r.Kind != "" && r.Name != "" }

// check compares the proposal with the catalogue, in the order id, image, parameters.
func (i *Investigator) check(ctx context.Context, request holmesgpt.IncidentRequest, v verdict) (verdict, error) {
	wanted := *v.answer.Selected
	workflow, missing, err := i.find(ctx, request, wanted.WorkflowID)
	if err != nil {
		return v, err
	}
	if missing != "" {
		return v.refuse(holmesgpt.ReasonWorkflowNotFound, missing), nil
	}
	if image := wanted.image(); image != "" && image != workflow.ContainerImage {
		return v.refuse(holmesgpt.ReasonImageMismatch, fmt.Sprintf("workflow %s has the image %q, not %q", workflow.ID, workflow.ContainerImage, image)), nil
	}
	parameters, unknown, faults := fill(declared(workflow.Parameters), wanted.Parameters)
	if len(faults) > 0 {
		return v.refuse(holmesgpt.ReasonParameterValidationFailed, faults...), nil
	}
	for _, name := range unknown {
		v.warnings = append(v.warnings, fmt.Sprintf("parameter %q was left out: the workflow does not declare it", name))
	}
	if wanted.Version != "" && wanted.Version != workflow.Version {
		v.warnings = append(v.warnings, fmt.Sprintf("the model named version %q, the catalogue's latest is %q", wanted.Version, workflow.Version))
	}
	v.workflow = selected(workflow, wanted, parameters, v.answer.confidence())
	return v, nil
}

// find returns the workflow, or why the catalogue has none of that id for the request.
func (i *Investigator) find(ctx context.Context, request holmesgpt.IncidentRequest, id string) (workflow catalog.Workflow, missing string, err error) {
	if parsed, err := uuid.Parse(id); err != nil || parsed.String() != strings.ToLower(id) {
		return workflow, fmt.Sprintf("workflow_id must be a UUID of the catalogue, got %.60q", id), nil
	}
	workflow, err = i.cfg.Catalogue.Workflow(ctx, strings.ToLower(id))
	switch {
	case errors.Is(err, catalogue.ErrNotFound):
		return workflow, fmt.Sprintf("workflow %s is not in the catalogue", id), nil
	case err != nil:
		return workflow, "", err
	case workflow.Status != catalog.StatusActive:
		return workflow, fmt.Sprintf("workflow %s is %s", id, workflow.Status), nil
	case !slices.ContainsFunc(workflow.Labels.Environment, func(label string) bool {
		return label == catalog.Any || strings.EqualFold(label, request.Environment)
	}):
		return workflow, fmt.Sprintf("workflow %s is not for the signal's environment", id), nil
	}
	return workflow, "", nil
}

func selected(workflow catalog.Workflow, wanted proposal, parameters map[string]string, confidence float64) *holmesgpt.SelectedWorkflow {
	if wanted.Confidence != nil {
		confidence = *wanted.Confidence
	}
	return &holmesgpt.SelectedWorkflow{
		WorkflowID: workflow.ID, Title: workflow.Name, Version: workflow.Version, ContainerImage: workflow.ContainerImage,
		ContainerDigest: workflow.ContainerDigest, ExecutionEngine: workflow.ExecutionEngine, Confidence: confidence,
		Rationale: wanted.Rationale, Parameters: parameters,
	}
}
