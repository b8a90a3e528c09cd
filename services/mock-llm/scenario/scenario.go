// Package scenario is what the stand-in knows: a table of incidents, each with its keywords, its diagnosis and its remedy,
// and the choice of one of them for a prompt.
//
// The choice looks for words and understands nothing: the first row of the table with a keyword in the prompt wins. The
// mock_* words stand first, so that a test can ask for an outcome whatever else its prompt says. Next comes the type that the
// prompt states for its signal: the context of a signal is full of the names of others, as when a container that was OOMKilled
// waits in CrashLoopBackOff.
//
// The package is pure: no I/O, no clock, no state between calls.
package scenario

import "strings"

// Resource names the Kubernetes object that an incident is about. Namespace is empty for cluster-scoped kinds.
type Resource struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// Workflow is a remedy. Its id depends on the environment, and is therefore not part of the table.
type Workflow struct {
	// Name as the catalogue knows it.
	Name  string
	Title string
	// Parameters for the run; never nil for a workflow of the table.
	Parameters map[string]string
	// Image to name; empty names none, and leaves it to the catalogue.
	Image string
}

// Scenario is one row of the table.
type Scenario struct {
	Name string
	// Keywords in lower case; one of them in the prompt is enough. Empty for Default alone.
	Keywords   []string
	SignalType string
	Severity   string
	// Confidence from 0 to 1.
	Confidence float64
	Summary    string
	// Resource to name when the prompt names none.
	Resource Resource
	// Workflow is nil when there is nothing to run.
	Workflow *Workflow
	// NoResource leaves the affected resource out of the diagnosis.
	NoResource bool
	// Resolved says that the problem is gone.
	Resolved bool
	// InvalidAttempts is the number of proposals that were refused before the model gave up.
	InvalidAttempts int
}

// Names of scenarios.
const (
	LowConfidence       = "low_confidence"
	RCAIncomplete       = "rca_incomplete"
	NoWorkflowFound     = "no_workflow_found"
	ProblemResolved     = "problem_resolved"
	MaxRetriesExhausted = "max_retries_exhausted"
	ImageMismatch       = "image_mismatch"
	MissingParameter    = "missing_parameter"
	TestSignal          = "test_signal"
	CrashLoop           = "crashloop"
	OOMKilled           = "oomkilled"
	NodeNotReady        = "node_not_ready"
	Recovery            = "recovery"
	Default             = "default"
)

// Select returns the scenario of a prompt that states these types of its signal; there may be none. Of the rows with a keyword
// in the text, in any case, the first wins. The texts are, one after the other: the prompt, for the mock_* words alone; each
// stated type; the prompt. Without any keyword the scenario is Default.
func Select(prompt string, stated ...string) Scenario {
	incidents := incidents()
	if chosen, found := first(outcomes(), prompt); found {
		return chosen
	}
	for _, text := range append(stated, prompt) {
		if chosen, found := first(incidents, text); found {
			return chosen
		}
	}
	return incidents[len(incidents)-1]
}

func first(rows []Scenario, text string) (chosen Scenario, found bool) {
	lower := strings.ToLower(text)
	for _, row := range rows {
		for _, keyword := range row.Keywords {
			if strings.Contains(lower, keyword) {
				return row, true
			}
		}
	}
	return Scenario{}, false
}

// mock returns the spellings of a word that asks for an outcome: mock_low_confidence, mock low confidence.
func mock(words ...string) []string {
	var keywords []string
	for _, word := range words {
		keywords = append(keywords, "mock_"+word, "mock "+strings.ReplaceAll(word, "_", " "))
	}
	return keywords
}
