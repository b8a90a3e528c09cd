package records

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/kubernaut/kubernaut/services/api"
)

// RemedyDigest is the digest of every workflow of Remedies.
const RemedyDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// RemedyImage returns the image of a workflow of Remedies. Nobody pulls it.
func RemedyImage(workflow string) string { return "registry.example/" + workflow + ":1.0.0" }

// Remedies returns the workflows that mock-llm names, for one environment. Each must be given the parameter that mock-llm
// gives it.
func Remedies(environment string) []api.Workflow {
	var all []api.Workflow
	for _, remedy := range [][2]string{
		{"oomkill-increase-memory-v1", "MEMORY_LIMIT"}, {"crashloop-config-fix-v1", "CONFIG_MAP"}, {"node-drain-reboot-v1", "GRACE_PERIOD"},
		{"memory-optimize-v1", "MEMORY_TARGET"}, {"test-signal-handler-v1", "ACTION"}, {"generic-restart-v1", "ACTION"},
	} {
		workflow := Workflow(remedy[0], environment)
		workflow.Labels.Severity, workflow.Labels.Component, workflow.Labels.Priority = api.AnyLabel, api.AnyLabel, api.AnyLabel
		workflow.ContainerImage, workflow.ContainerDigest = RemedyImage(remedy[0]), RemedyDigest
		workflow.Parameters = json.RawMessage(fmt.Sprintf(`[{"name": %q, "type": "string", "required": true}]`, remedy[1]))
		all = append(all, workflow)
	}
	return all
}

// Publish sees to it that the catalogue has an active workflow and returns its id. One that an earlier run has archived is
// active again.
func (c Caller) Publish(ctx context.Context, workflow api.Workflow) (id string, err error) {
	id = WorkflowID(workflow.WorkflowName, workflow.Labels.Environment[0])
	response, err := c.Service.Do(ctx, c.Request(http.MethodPost, WorkflowsPath, workflow))
	switch {
	case err != nil:
		return "", err
	case response.Status == http.StatusCreated:
		return id, nil
	case response.Status == http.StatusConflict:
		return id, c.Send(ctx, http.StatusOK, c.Request(http.MethodPatch, WorkflowPath(id), map[string]any{"status": api.StatusActive}), nil)
	}
	return "", fmt.Errorf("publishing workflow %q: datastorage answered %d: %s", workflow.WorkflowName, response.Status, response.Body)
}
