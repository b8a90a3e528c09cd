package dialog

import (
	"encoding/json"
	"fmt"

	"github.com/kubernaut/kubernaut/services/internal/workflowid"
	"github.com/kubernaut/kubernaut/services/mock-llm/scenario"
)

// WorkflowVersion is the version of every workflow that the model selects. The catalogue has to know it.
const WorkflowVersion = "1.0.0"

// Analysis is the model's result, as JSON in the text of an answer.
type Analysis struct {
	RootCause  RootCause `json:"root_cause_analysis"`
	Confidence float64   `json:"confidence"`
	// AffectedResource is the resource that the prompt names, else the scenario's; nil when the analysis is incomplete.
	AffectedResource *scenario.Resource `json:"affectedResource,omitempty"`
	// SelectedWorkflow is null when there is nothing to run.
	SelectedWorkflow *SelectedWorkflow `json:"selected_workflow"`
	// InvestigationOutcome is "resolved" when the problem is gone, else absent.
	InvestigationOutcome string `json:"investigation_outcome,omitempty"`
	// RecoveryAnalysis is there when the prompt speaks of a recovery, in every scenario.
	RecoveryAnalysis *RecoveryAnalysis `json:"recovery_analysis,omitempty"`
	// The fields below are there when the model gave up.
	NeedsHumanReview  bool                `json:"needs_human_review,omitempty"`
	HumanReviewReason string              `json:"human_review_reason,omitempty"`
	Attempts          []ValidationAttempt `json:"validation_attempts_history,omitempty"`
}

// RootCause is the diagnosis.
type RootCause struct {
	Summary             string   `json:"summary"`
	Severity            string   `json:"severity"`
	SignalType          string   `json:"signal_type"`
	ContributingFactors []string `json:"contributing_factors"`
}

// SelectedWorkflow is the remedy.
type SelectedWorkflow struct {
	// WorkflowID is workflowid.New of the scenario's workflow and the prompt's environment.
	WorkflowID string `json:"workflow_id"`
	Title      string `json:"title"`
	Version    string `json:"version"`
	// ContainerImage is absent in most scenarios: which image a workflow has is the catalogue's knowledge.
	ContainerImage string            `json:"containerImage,omitempty"`
	Confidence     float64           `json:"confidence"`
	Rationale      string            `json:"rationale"`
	Parameters     map[string]string `json:"parameters"`
}

// RecoveryAnalysis judges an earlier, failed remedy.
type RecoveryAnalysis struct {
	Previous PreviousAttempt `json:"previous_attempt_assessment"`
}

// PreviousAttempt says why the earlier remedy failed.
type PreviousAttempt struct {
	FailureUnderstood bool   `json:"failure_understood"`
	FailureReason     string `json:"failure_reason_analysis"`
	StateChanged      bool   `json:"state_changed"`
	CurrentSignalType string `json:"current_signal_type"`
}

// ValidationAttempt is a proposal that was refused.
type ValidationAttempt struct {
	// Attempt counts from 1.
	Attempt    int      `json:"attempt"`
	WorkflowID string   `json:"workflow_id"`
	IsValid    bool     `json:"is_valid"`
	Errors     []string `json:"errors"`
}

func analyse(chosen scenario.Scenario, prompt string) Analysis {
	in := environment(prompt)
	analysis := Analysis{
		RootCause: RootCause{
			Summary: chosen.Summary, Severity: chosen.Severity, SignalType: chosen.SignalType,
			ContributingFactors: []string{"keyword scenario " + chosen.Name},
		},
		Confidence:       chosen.Confidence,
		SelectedWorkflow: selected(chosen, in),
		RecoveryAnalysis: recovery(chosen, prompt),
		Attempts:         attempts(chosen.InvalidAttempts, in),
	}
	if !chosen.NoResource {
		affected := resource(prompt, chosen.Resource)
		analysis.AffectedResource = &affected
	}
	if chosen.Resolved {
		analysis.InvestigationOutcome = "resolved"
	}
	if chosen.InvalidAttempts > 0 {
		analysis.NeedsHumanReview, analysis.HumanReviewReason = true, "llm_parsing_error"
	}
	return analysis
}

func selected(chosen scenario.Scenario, environment string) *SelectedWorkflow {
	if chosen.Workflow == nil {
		return nil
	}
	return &SelectedWorkflow{
		WorkflowID:     workflowid.New(chosen.Workflow.Name, environment),
		Title:          chosen.Workflow.Title,
		Version:        WorkflowVersion,
		ContainerImage: chosen.Workflow.Image,
		Confidence:     chosen.Confidence,
		Rationale:      fmt.Sprintf("%s fits %s of severity %s in %s", chosen.Workflow.Name, chosen.SignalType, chosen.Severity, environment),
		Parameters:     chosen.Workflow.Parameters,
	}
}

// attempts names workflows that no catalogue has.
func attempts(count int, environment string) []ValidationAttempt {
	var all []ValidationAttempt
	for i := range count {
		name := fmt.Sprintf("mock-invalid-workflow-%d", i+1)
		all = append(all, ValidationAttempt{
			Attempt: i + 1, WorkflowID: workflowid.New(name, environment),
			Errors: []string{fmt.Sprintf("workflow %q is not in the catalogue", name)},
		})
	}
	return all
}

func document(a Analysis) string {
	// Strings, booleans and finite numbers always marshal.
	text, _ := json.MarshalIndent(a, "", "  ")
	return string(text)
}

func prose(a Analysis) string {
	return a.RootCause.Summary + ".\n\n```json\n" + document(a) + "\n```\n"
}
