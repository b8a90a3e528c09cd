// Package catalog is the form in which workflows travel between the workflow catalogue and its clients. It holds types
// alone; what is valid and how a search ranks is datastorage's own business.
package catalog

import (
	"encoding/json"
	"time"
)

// Status of a workflow.
type Status string

// The statuses. Only active workflows are found by a search that does not ask for others.
const (
	StatusActive     Status = "active"
	StatusDisabled   Status = "disabled"
	StatusDeprecated Status = "deprecated"
	StatusArchived   Status = "archived"
)

// Statuses returns all statuses.
func Statuses() []Status {
	return []Status{StatusActive, StatusDisabled, StatusDeprecated, StatusArchived}
}

// Any is the label value that matches every filter.
const Any = "*"

// Labels say what a workflow is for. Severity, component, environment and priority may be Any.
type Labels struct {
	SignalType string `json:"signal_type"`
	Severity   string `json:"severity"`
	Component  string `json:"component"`
	// Environment holds exactly one element: the workflow's id depends on it.
	Environment []string `json:"environment"`
	Priority    string   `json:"priority"`
}

// Workflow is one version of one workflow in one environment.
type Workflow struct {
	// ID is workflowid.New(WorkflowName, Labels.Environment[0]); datastorage sets it.
	ID           string `json:"workflow_id,omitempty"`
	WorkflowName string `json:"workflow_name"`
	Version      string `json:"version"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	Content      string `json:"content"`
	// ContentHash is the SHA-256 of Content in lower-case hexadecimal.
	ContentHash     string `json:"content_hash"`
	Labels          Labels `json:"labels"`
	ExecutionEngine string `json:"execution_engine"`
	Status          Status `json:"status"`

	// Parameters is a JSON object or list that describes the workflow's parameters.
	Parameters      json.RawMessage   `json:"parameters,omitempty"`
	ContainerImage  string            `json:"container_image,omitempty"`
	ContainerDigest string            `json:"container_digest,omitempty"`
	CustomLabels    map[string]string `json:"custom_labels,omitempty"`
	DetectedLabels  map[string]string `json:"detected_labels,omitempty"`

	// The fields below are datastorage's own; it ignores IsLatestVersion and refuses the others in a request to create.
	IsLatestVersion bool       `json:"is_latest_version"`
	DisabledBy      string     `json:"disabled_by,omitempty"`
	DisabledReason  string     `json:"disabled_reason,omitempty"`
	DisabledAt      *time.Time `json:"disabled_at,omitempty"`
	CreatedAt       *time.Time `json:"created_at,omitempty"`
	UpdatedAt       *time.Time `json:"updated_at,omitempty"`
}

// Page says which part of a listing an answer holds.
type Page struct {
	Limit   int  `json:"limit"`
	Offset  int  `json:"offset"`
	Total   int  `json:"total"`
	HasMore bool `json:"has_more"`
}

// Listing is the answer to a list of workflows.
type Listing struct {
	Workflows  []Workflow `json:"workflows"`
	Pagination Page       `json:"pagination"`
}

// Filters of a search. The first five are required.
type Filters struct {
	SignalType  string `json:"signal_type"`
	Severity    string `json:"severity"`
	Component   string `json:"component"`
	Environment string `json:"environment"`
	Priority    string `json:"priority"`

	CustomLabels   map[string]string `json:"custom_labels,omitempty"`
	DetectedLabels map[string]string `json:"detected_labels,omitempty"`
}

// SearchRequest asks for the workflows that fit a signal.
type SearchRequest struct {
	Filters Filters `json:"filters"`
	// TopK is the most results to return, 1 to 100; 0 means 10.
	TopK int `json:"top_k,omitempty"`
	// MinScore leaves out results below it, 0 to 1.
	MinScore float64 `json:"min_score,omitempty"`
	// IncludeDisabled lets workflows that are not active take part.
	IncludeDisabled bool `json:"include_disabled,omitempty"`
	// RemediationID becomes the correlation id of the search's audit event.
	RemediationID string `json:"remediation_id,omitempty"`
}

// Result is one found workflow.
type Result struct {
	WorkflowID      string  `json:"workflow_id"`
	WorkflowName    string  `json:"workflow_name"`
	Version         string  `json:"version"`
	Title           string  `json:"title"`
	Description     string  `json:"description"`
	SignalType      string  `json:"signal_type"`
	Status          Status  `json:"status"`
	ContainerImage  string  `json:"container_image"`
	ContainerDigest string  `json:"container_digest"`
	Confidence      float64 `json:"confidence"`
	LabelBoost      float64 `json:"label_boost"`
	LabelPenalty    float64 `json:"label_penalty"`
	FinalScore      float64 `json:"final_score"`
	Rank            int     `json:"rank"`
}

// SearchResponse is the answer to a SearchRequest, best result first.
type SearchResponse struct {
	Workflows []Result `json:"workflows"`
	// TotalResults counts the workflows that fit, before TopK.
	TotalResults int     `json:"total_results"`
	Filters      Filters `json:"filters"`
}
