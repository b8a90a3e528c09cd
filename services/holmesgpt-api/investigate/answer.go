package investigate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

const (
	// maxText bounds an answer in bytes.
	maxText = 1 << 20
	// maxCandidates bounds the places in a text where an object is looked for; each costs up to one reading of the rest.
	maxCandidates = 32
)

// answer is the model's final JSON object. Fields that nobody asked for are ignored.
type answer struct {
	RootCause        *holmesgpt.RootCauseAnalysis    `json:"root_cause_analysis"`
	Analysis         string                          `json:"analysis"`
	Confidence       *float64                        `json:"confidence"`
	AffectedResource *holmesgpt.Resource             `json:"affectedResource"`
	Selected         *proposal                       `json:"selected_workflow"`
	Alternatives     []holmesgpt.AlternativeWorkflow `json:"alternative_workflows"`
	Outcome          string                          `json:"investigation_outcome"`
	Recovery         *holmesgpt.RecoveryAnalysis     `json:"recovery_analysis"`
	Warnings         []string                        `json:"warnings"`
	// The fields below are there when the model gave up.
	NeedsHumanReview  bool                        `json:"needs_human_review"`
	HumanReviewReason holmesgpt.HumanReviewReason `json:"human_review_reason"`
	Attempts          []refused                   `json:"validation_attempts_history"`
}

// proposal is the workflow that the model wants.
type proposal struct {
	WorkflowID string `json:"workflow_id"`
	Version    string `json:"version"`
	// ContainerImage also has another spelling: models follow the catalogue's.
	ContainerImage string         `json:"containerImage"`
	SnakeImage     string         `json:"container_image"`
	Confidence     *float64       `json:"confidence"`
	Rationale      string         `json:"rationale"`
	Parameters     map[string]any `json:"parameters"`
}

func (p proposal) image() string {
	if p.ContainerImage != "" {
		return p.ContainerImage
	}
	return p.SnakeImage
}

// refused is an attempt that the model tells of.
type refused struct {
	WorkflowID string   `json:"workflow_id"`
	IsValid    bool     `json:"is_valid"`
	Errors     []string `json:"errors"`
}

// parse finds the model's object in its text, and returns the text around it as prose. Models put the object between
// fences or after an explanation, and sometimes repeat it; the last object with a root_cause_analysis counts.
func parse(text string) (found answer, prose string, err error) {
	if len(text) > maxText {
		return answer{}, "", fmt.Errorf("the answer must be at most %d bytes, got %d", maxText, len(text))
	}
	start, end := locate(text)
	if end == 0 {
		return answer{}, "", errors.New("the answer has no JSON object with root_cause_analysis")
	}
	decoder := json.NewDecoder(strings.NewReader(text[start:end]))
	decoder.UseNumber() // a parameter 1000000 must not become 1e+06
	if err := decoder.Decode(&found); err != nil {
		return answer{}, "", fmt.Errorf("the JSON object does not have the form that was asked for: %w", err)
	}
	return found, around(text[:start], text[end:]), found.check()
}

// locate returns the bounds of the last object that can be the analysis; end is 0 when there is none.
func locate(text string) (start, end int) {
	at := 0
	for range maxCandidates {
		open := strings.IndexByte(text[at:], '{')
		if open < 0 {
			break
		}
		at += open
		decoder := json.NewDecoder(strings.NewReader(text[at:]))
		var fields map[string]json.RawMessage
		if decoder.Decode(&fields) != nil {
			at++
			continue
		}
		length := int(decoder.InputOffset())
		if _, ok := fields["root_cause_analysis"]; ok {
			start, end = at, at+length
		}
		at += length
	}
	return start, end
}

// around joins what stands before and after the object by a blank line, without the fences.
func around(before, after string) string {
	return strings.TrimSpace(unfenced(before) + "\n\n" + unfenced(after))
}

func unfenced(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "```") {
			lines = append(lines, strings.TrimRight(line, " \t\r\n"))
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func (a answer) check() error {
	switch {
	case a.RootCause == nil || strings.TrimSpace(a.RootCause.Summary) == "":
		return errors.New("root_cause_analysis.summary is missing")
	case a.Confidence == nil && (a.Selected == nil || a.Selected.Confidence == nil):
		return errors.New("confidence is missing")
	case !unit(a.Confidence) || (a.Selected != nil && !unit(a.Selected.Confidence)):
		return errors.New("confidence must be a number from 0 to 1")
	}
	return nil
}

func unit(value *float64) bool { return value == nil || (*value >= 0 && *value <= 1) }

// confidence is that of the whole answer, else that of its workflow, else 0.
func (a answer) confidence() float64 {
	switch {
	case a.Confidence != nil:
		return *a.Confidence
	case a.Selected != nil && a.Selected.Confidence != nil:
		return *a.Selected.Confidence
	}
	return 0
}

func (a answer) rootCause() holmesgpt.RootCauseAnalysis {
	if a.RootCause == nil {
		return holmesgpt.RootCauseAnalysis{ContributingFactors: []string{}}
	}
	cause := *a.RootCause
	cause.ContributingFactors = list(cause.ContributingFactors)
	return cause
}

// history is what the model tells of its own attempts.
func (a answer) history(now time.Time) []holmesgpt.ValidationAttempt {
	var all []holmesgpt.ValidationAttempt
	for i, attempt := range a.Attempts[:min(len(a.Attempts), Attempts)] {
		all = append(all, holmesgpt.ValidationAttempt{
			Attempt: i + 1, WorkflowID: attempt.WorkflowID, IsValid: attempt.IsValid, Errors: list(attempt.Errors), Timestamp: now,
		})
	}
	return all
}
