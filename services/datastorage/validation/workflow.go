package validation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/kubernaut/kubernaut/services/internal/catalog"
)

func severities() []string {
	return []string{"critical", "high", "medium", "low", "unknown", catalog.Any}
}

func priorities() []string { return []string{"P0", "P1", "P2", "P3", catalog.Any} }

// Workflow returns a problem that lists every fault of a workflow that is to be created, or nil.
func Workflow(w catalog.Workflow) error {
	f := Faults{}
	for field, value := range map[string]string{
		"workflow_name": w.WorkflowName, "version": w.Version, "name": w.Name, "description": w.Description,
		"content": w.Content, "content_hash": w.ContentHash, "execution_engine": w.ExecutionEngine, "status": string(w.Status),
	} {
		f.required(field, value)
	}
	f.token("workflow_name", w.WorkflowName)
	f.token("version", w.Version)
	f.token("execution_engine", w.ExecutionEngine)
	f.text("name", w.Name, maxText, false)
	f.text("description", w.Description, 8*maxText, true)
	f.text("content", w.Content, maxContent, true)
	f.contentHash(w)
	oneOf(f, "status", w.Status, catalog.Statuses())
	f.text("container_image", w.ContainerImage, maxText, false)
	f.form("container_digest", w.ContainerDigest, digest, "sha256: and 64 lower-case hexadecimal digits")
	f.parameters(w.Parameters)
	f.labels(w.Labels)
	f.labelMap("custom_labels", w.CustomLabels)
	f.labelMap("detected_labels", w.DetectedLabels)
	f.unset(w)
	return f.Err("the workflow is not valid")
}

func (f Faults) contentHash(w catalog.Workflow) {
	if !hash.MatchString(w.ContentHash) {
		f.set("content_hash", "must be 64 lower-case hexadecimal digits, got %q", w.ContentHash)
		return
	}
	sum := sha256.Sum256([]byte(w.Content))
	if want := hex.EncodeToString(sum[:]); w.ContentHash != want {
		f.set("content_hash", "must be the SHA-256 of content, %s", want)
	}
}

func (f Faults) parameters(raw json.RawMessage) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return
	}
	if raw[0] != '{' && raw[0] != '[' {
		f.set("parameters", "must be a JSON object or list")
	} else if depth(raw) > maxDepth {
		f.set("parameters", "must be nested at most %d deep", maxDepth)
	}
}

// wildcard is a token, or catalog.Any alone.
var wildcard = regexp.MustCompile(`^([*]|[A-Za-z0-9][A-Za-z0-9._:/-]*)$`)

func (f Faults) labels(l catalog.Labels) {
	f.required("labels.signal_type", l.SignalType)
	f.required("labels.severity", l.Severity)
	f.required("labels.component", l.Component)
	f.required("labels.priority", l.Priority)
	f.token("labels.signal_type", l.SignalType)
	f.form("labels.component", l.Component, wildcard, tokenForm+", or *")
	oneOf(f, "labels.severity", l.Severity, severities())
	oneOf(f, "labels.priority", l.Priority, priorities())
	if len(l.Environment) != 1 || l.Environment[0] == "" {
		f.set("labels.environment", "must hold exactly one environment, because the workflow's id depends on it; got %d", len(l.Environment))
		return
	}
	f.form("labels.environment", l.Environment[0], wildcard, tokenForm+", or *")
}

func (f Faults) labelMap(field string, labels map[string]string) {
	const most = 64
	if len(labels) > most {
		f.set(field, "must hold at most %d labels, got %d", most, len(labels))
		return
	}
	for key, value := range labels {
		if key == "" {
			f.set(field, "must not hold an empty key")
		}
		f.text(field, key, maxToken, false)
		f.text(field+"."+key, value, maxText, false)
	}
}

// unset refuses the fields that only datastorage writes.
func (f Faults) unset(w catalog.Workflow) {
	for field, given := range map[string]bool{
		"workflow_id": w.ID != "", "disabled_by": w.DisabledBy != "", "disabled_reason": w.DisabledReason != "",
		"disabled_at": w.DisabledAt != nil, "created_at": w.CreatedAt != nil, "updated_at": w.UpdatedAt != nil,
	} {
		if given {
			f.set(field, "is set by the catalogue")
		}
	}
}

// Patch is what may change in a workflow. Nil leaves a field as it is.
type Patch struct {
	Status         *catalog.Status `json:"status"`
	DisabledBy     *string         `json:"disabled_by"`
	DisabledReason *string         `json:"disabled_reason"`
}

// Check returns a problem that lists every fault of a patch, or nil. An empty patch is a fault.
func (p Patch) Check() error {
	f := Faults{}
	if p.Status == nil && p.DisabledBy == nil && p.DisabledReason == nil {
		f.set("status", "at least one of status, disabled_by, disabled_reason is required")
	}
	if p.Status != nil && !slices.Contains(catalog.Statuses(), *p.Status) {
		f.set("status", "must be one of %s, got %q", list(catalog.Statuses()), string(*p.Status))
	}
	f.optional("disabled_by", p.DisabledBy)
	f.optional("disabled_reason", p.DisabledReason)
	return f.Err("the change is not valid")
}

func (f Faults) optional(field string, value *string) {
	if value != nil {
		f.text(field, *value, maxText, false)
	}
}

// Disable is the request to disable a workflow.
type Disable struct {
	Reason    string `json:"reason"`
	UpdatedBy string `json:"updated_by"`
}

// Check returns a problem that lists every fault, or nil. Both fields may be empty.
func (d Disable) Check() error {
	f := Faults{}
	f.text("reason", d.Reason, maxText, false)
	f.text("updated_by", d.UpdatedBy, maxText, false)
	return f.Err("the request is not valid")
}

// MaxTopK is the most results of one search.
const MaxTopK = 100

// Search returns a problem that lists every fault of a search, or nil.
func Search(s catalog.SearchRequest) error {
	f := Faults{}
	for field, value := range map[string]string{
		"signal_type": s.Filters.SignalType, "severity": s.Filters.Severity, "component": s.Filters.Component,
		"environment": s.Filters.Environment, "priority": s.Filters.Priority,
	} {
		f.required("filters."+field, value)
		f.form("filters."+field, value, token, tokenForm)
	}
	f.labelMap("filters.custom_labels", s.Filters.CustomLabels)
	f.labelMap("filters.detected_labels", s.Filters.DetectedLabels)
	f.token("remediation_id", s.RemediationID)
	if s.TopK < 0 || s.TopK > MaxTopK {
		f.set("top_k", "must be 1 to %d, got %d", MaxTopK, s.TopK)
	}
	if s.MinScore < 0 || s.MinScore > 1 {
		f.set("min_score", "must be 0 to 1, got %s", fmt.Sprint(s.MinScore))
	}
	return f.Err("the search is not valid")
}
