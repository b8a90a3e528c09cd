package investigate_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/datastorage/datastoragetest"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/catalogue"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/investigate"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm/llmtest"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

const image = "registry.example/restart:v1"

// bench is an investigator with a scripted model and a whole datastorage.
type bench struct {
	t            *testing.T
	model        *llmtest.Server
	storage      *datastoragetest.Server
	investigator *investigate.Investigator
	registry     *prometheus.Registry
	events       *events
	// restart is a workflow for staging with one required parameter and one of two values.
	restart catalog.Workflow
}

// events keeps what is recorded.
type events struct{ all []audit.Event }

func (e *events) Record(recorded ...audit.Event) { e.all = append(e.all, recorded...) }

func newBench(t *testing.T, script ...llmtest.Reply) *bench {
	t.Helper()
	b := &bench{t: t, registry: prometheus.NewRegistry(), events: &events{}, model: llmtest.Start(t, script...)}
	b.storage = datastoragetest.Start(t, reviewtest.Start(t), names.HolmesGPTAPI)
	restart := datastoragetest.Workflow("restart", "OOMKilled", "staging")
	restart.ContainerImage, restart.ContainerDigest = image, fmt.Sprintf("sha256:%064d", 1)
	restart.Parameters = json.RawMessage(`[{"name": "ACTION", "required": true}, {"name": "GRACE", "type": "integer"}]`)
	b.restart = b.storage.Create(restart)
	model, err := llm.New(llm.Config{Endpoint: b.model.URL(), Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	workflows, err := catalogue.New(catalogue.Config{URL: b.storage.URL, TokenFile: b.storage.TokenFile})
	if err != nil {
		t.Fatal(err)
	}
	b.investigator = investigate.New(investigate.Config{Model: model, Catalogue: workflows, Audit: b.events, Registerer: b.registry})
	return b
}

func request() holmesgpt.IncidentRequest {
	return holmesgpt.IncidentRequest{
		IncidentID: "ai-1", RemediationID: "rr-1", SignalType: "OOMKilled", Severity: holmesgpt.SeverityCritical, SignalSource: "prometheus",
		ResourceNamespace: "shop", ResourceKind: "Pod", ResourceName: "web-0", Environment: "staging", Priority: "P1",
	}
}

func (b *bench) investigate(r holmesgpt.IncidentRequest) holmesgpt.Response {
	b.t.Helper()
	response, err := b.investigator.Incident(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	return response
}

// final is a good final answer with some fields replaced; nil removes one.
func final(workflow map[string]any, fields map[string]any) llmtest.Reply {
	object := map[string]any{
		"root_cause_analysis": map[string]any{"summary": "too little memory", "severity": "high", "signal_type": "OOMKilled"},
		"confidence":          0.5,
		"affectedResource":    map[string]string{"kind": "Pod", "name": "web-0", "namespace": "shop"},
		"selected_workflow":   workflow,
	}
	for name, value := range fields {
		object[name] = value
	}
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return llmtest.Reply{Text: string(text)}
}

// proposal is a good one for the restart workflow's form with some fields replaced.
func proposal(id string, fields map[string]any) map[string]any {
	all := map[string]any{"workflow_id": id, "rationale": "it helps", "parameters": map[string]any{"ACTION": "restart"}}
	for name, value := range fields {
		all[name] = value
	}
	return all
}
