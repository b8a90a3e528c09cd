package investigate_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubernaut/kubernaut/services/datastorage/datastoragetest"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/catalogue"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm/llmtest"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/workflowid"
)

var id = workflowid.New("restart", "staging")

func search(query string) llmtest.Reply {
	return llmtest.Reply{Tool: names.SearchWorkflowCatalogTool, Arguments: `{"query": "` + query + `"}`}
}

func TestGoodPath(t *testing.T) {
	good := final(proposal(id, map[string]any{"version": "1.0.0", "containerImage": image, "confidence": 0.25}), map[string]any{
		"alternative_workflows": []any{map[string]any{"workflow_id": "other", "confidence": 0.1, "rationale": "maybe"}},
	})
	good.Text = "I looked at the memory.\n```json\n" + good.Text + "\n```\n"
	b := newBench(t, search("OOMKilled critical"), good)
	got := b.investigate(request())
	want := holmesgpt.Response{
		IncidentID: "ai-1", Analysis: "I looked at the memory.", Confidence: 0.5, TargetInOwnerChain: true,
		RootCauseAnalysis: holmesgpt.RootCauseAnalysis{Summary: "too little memory", Severity: "high", SignalType: "OOMKilled", ContributingFactors: []string{}},
		AffectedResource:  &holmesgpt.Resource{Kind: "Pod", Name: "web-0", Namespace: "shop"},
		SelectedWorkflow: &holmesgpt.SelectedWorkflow{
			WorkflowID: id, Title: "restart", Version: "1.0.0", ContainerImage: image, ContainerDigest: b.restart.ContainerDigest,
			ExecutionEngine: "job", Confidence: 0.25, Rationale: "it helps", Parameters: map[string]string{"ACTION": "restart"},
		},
		Warnings:                  []string{},
		AlternativeWorkflows:      []holmesgpt.AlternativeWorkflow{{WorkflowID: "other", Confidence: 0.1, Rationale: "maybe"}},
		ValidationAttemptsHistory: []holmesgpt.ValidationAttempt{{Attempt: 1, WorkflowID: id, IsValid: true, Errors: []string{}}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(time.Time{})); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	if got.Timestamp.IsZero() || got.ValidationAttemptsHistory[0].Timestamp.IsZero() {
		t.Errorf("got %+v, want times", got)
	}
	asked := b.model.Requests()
	if len(asked) != 2 {
		t.Fatalf("the model was asked %d times, want 2", len(asked))
	}
	result := asked[1].Messages[len(asked[1].Messages)-1]
	for _, part := range []string{id, image, `"ACTION"`, `"version":"1.0.0"`} {
		if !strings.Contains(result.Content, part) || result.Role != "tool" || result.ToolCallID != "call_1" {
			t.Errorf("the tool's result has no %s: %+v", part, result)
		}
	}
}

// What the model proposes is sent back with the reason, three times in all.
func TestRefusals(t *testing.T) {
	disabled := workflowid.New("disabled", "staging")
	elsewhere := workflowid.New("elsewhere", "production")
	for name, test := range map[string]struct {
		reply  llmtest.Reply
		reason holmesgpt.HumanReviewReason
		want   string
	}{
		"HG5 unknown workflow": {final(proposal("00000000-0000-4000-8000-000000000000", nil), nil), holmesgpt.ReasonWorkflowNotFound, "is not in the catalogue"},
		"not a UUID":           {final(proposal("x'; DROP TABLE workflows; --", nil), nil), holmesgpt.ReasonWorkflowNotFound, "must be a UUID"},
		"no id":                {final(proposal("", nil), nil), holmesgpt.ReasonWorkflowNotFound, "must be a UUID"},
		"path":                 {final(proposal("../audit/events", nil), nil), holmesgpt.ReasonWorkflowNotFound, "must be a UUID"},
		"disabled workflow":    {final(proposal(disabled, nil), nil), holmesgpt.ReasonWorkflowNotFound, "is disabled"},
		"other environment":    {final(proposal(elsewhere, nil), nil), holmesgpt.ReasonWorkflowNotFound, "environment"},
		"HG6 foreign image":    {final(proposal(id, map[string]any{"containerImage": "evil:v1"}), nil), holmesgpt.ReasonImageMismatch, image},
		"other spelling":       {final(proposal(id, map[string]any{"container_image": "evil:v1"}), nil), holmesgpt.ReasonImageMismatch, image},
		"HG7 no parameters":    {final(proposal(id, map[string]any{"parameters": nil}), nil), holmesgpt.ReasonParameterValidationFailed, "parameter ACTION is required"},
		"wrong type":           {final(proposal(id, map[string]any{"parameters": map[string]any{"ACTION": "x", "GRACE": "long"}}), nil), holmesgpt.ReasonParameterValidationFailed, "parameter GRACE must be of type integer"},
		"nested parameter":     {final(proposal(id, map[string]any{"parameters": map[string]any{"ACTION": []any{1}}}), nil), holmesgpt.ReasonParameterValidationFailed, "ACTION must be a text"},
		"no JSON":              {llmtest.Reply{Text: "I do not know."}, holmesgpt.ReasonLLMParsingError, "no JSON object"},
		"silence":              {llmtest.Reply{}, holmesgpt.ReasonLLMParsingError, "no JSON object"},
		"confidence 7":         {final(proposal(id, nil), map[string]any{"confidence": 7}), holmesgpt.ReasonLLMParsingError, "confidence"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, test.reply)
			b.storage.Disable(b.storage.Create(datastoragetest.Workflow("disabled", "OOMKilled", "staging")).ID)
			b.storage.Create(datastoragetest.Workflow("elsewhere", "OOMKilled", "production"))
			got := b.investigate(request())
			if got.HumanReviewReason != test.reason || !got.NeedsHumanReview || got.SelectedWorkflow != nil || got.Confidence != 0 {
				t.Errorf("got %+v, want no workflow and a review for %s", got, test.reason)
			}
			if len(got.ValidationAttemptsHistory) != 3 || len(b.model.Requests()) != 3 {
				t.Fatalf("got %d attempts and %d requests, want 3", len(got.ValidationAttemptsHistory), len(b.model.Requests()))
			}
			for i, attempt := range got.ValidationAttemptsHistory {
				if attempt.Attempt != i+1 || attempt.IsValid || !strings.Contains(strings.Join(attempt.Errors, "\n"), test.want) {
					t.Errorf("attempt %d: got %+v, want an error with %q", i+1, attempt, test.want)
				}
			}
			messages := b.model.Requests()[1].Messages
			if last := messages[len(messages)-1]; last.Role != "user" || !strings.Contains(last.Content, test.want) {
				t.Errorf("the model was told %+v, want %q", last, test.want)
			}
		})
	}
}

func TestModelCorrectsItself(t *testing.T) {
	b := newBench(t, llmtest.Reply{Text: "{"}, final(proposal(id, map[string]any{"parameters": nil}), nil), final(proposal(id, nil), nil))
	got := b.investigate(request())
	if got.NeedsHumanReview || got.SelectedWorkflow == nil || len(got.ValidationAttemptsHistory) != 3 || !got.ValidationAttemptsHistory[2].IsValid {
		t.Errorf("got %+v, want the workflow of the third attempt", got)
	}
}

func TestOutcomes(t *testing.T) {
	gaveUp := map[string]any{
		"confidence": 0.0, "needs_human_review": true, "human_review_reason": "llm_parsing_error",
		"validation_attempts_history": []any{
			map[string]any{"attempt": 1, "workflow_id": "a", "errors": []string{"x"}}, map[string]any{"attempt": 2}, map[string]any{"attempt": 3}, map[string]any{"attempt": 4},
		},
	}
	for name, test := range map[string]struct {
		workflow   map[string]any
		fields     map[string]any
		reason     holmesgpt.HumanReviewReason
		selected   bool
		confidence float64
		attempts   int
	}{
		"HG8 nothing fits":          {nil, map[string]any{"confidence": 0.9}, holmesgpt.ReasonNoMatchingWorkflows, false, 0, 1},
		"HG9 no resource":           {proposal(id, nil), map[string]any{"affectedResource": nil}, holmesgpt.ReasonRCAIncomplete, true, 0.5, 1},
		"half a resource":           {proposal(id, nil), map[string]any{"affectedResource": map[string]string{"kind": "Pod"}}, holmesgpt.ReasonRCAIncomplete, true, 0.5, 1},
		"HG10 problem resolved":     {nil, map[string]any{"investigation_outcome": "resolved", "confidence": 0.85}, "", false, 0.85, 1},
		"inconclusive":              {nil, map[string]any{"investigation_outcome": "inconclusive"}, holmesgpt.ReasonInvestigationInconclusive, false, 0, 1},
		"HG11 low confidence":       {proposal(id, nil), map[string]any{"confidence": 0.01}, "", true, 0.01, 1},
		"gave up":                   {nil, gaveUp, holmesgpt.ReasonLLMParsingError, false, 0, 3},
		"asks for a human":          {proposal(id, nil), map[string]any{"needs_human_review": true, "human_review_reason": "boredom"}, holmesgpt.ReasonInvestigationInconclusive, true, 0.5, 1},
		"confidence of the remedy":  {proposal(id, map[string]any{"confidence": 0.75}), map[string]any{"confidence": nil}, "", true, 0.75, 1},
		"number as a parameter":     {proposal(id, map[string]any{"parameters": map[string]any{"ACTION": 1000000}}), nil, "", true, 0.5, 1},
		"unknown parameter dropped": {proposal(id, map[string]any{"parameters": map[string]any{"ACTION": "x", "LD_PRELOAD": "evil.so"}}), nil, "", true, 0.5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := newBench(t, final(test.workflow, test.fields)).investigate(request())
			if got.HumanReviewReason != test.reason || got.NeedsHumanReview != (test.reason != "") || (got.SelectedWorkflow != nil) != test.selected ||
				got.Confidence != test.confidence || len(got.ValidationAttemptsHistory) != test.attempts {
				t.Errorf("got %+v, want reason %q, workflow %v, confidence %v, %d attempts", got, test.reason, test.selected, test.confidence, test.attempts)
			}
			if got.SelectedWorkflow != nil && (got.SelectedWorkflow.Parameters["LD_PRELOAD"] != "" || got.SelectedWorkflow.Parameters["ACTION"] == "1e+06") {
				t.Errorf("parameters: got %v", got.SelectedWorkflow.Parameters)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	parameters := map[string]any{"ACTION": "x", "EXTRA": "y"}
	got := newBench(t, final(proposal(id, map[string]any{"version": "0.9.0", "parameters": parameters}), map[string]any{"warnings": []string{"stateful"}})).investigate(request())
	want := []string{
		"stateful", `parameter "EXTRA" was left out: the workflow does not declare it`, `the model named version "0.9.0", the catalogue's latest is "1.0.0"`,
	}
	if diff := cmp.Diff(want, got.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestOwnerChain(t *testing.T) {
	chain := `{"ownerChain": [{"kind": "ReplicaSet", "name": "web-1"}]}`
	for name, test := range map[string]struct {
		affected   map[string]string
		enrichment string
		want       bool
	}{
		"itself":                {map[string]string{"kind": "pod", "name": "web-0", "namespace": "shop"}, "", true},
		"without its namespace": {map[string]string{"kind": "Pod", "name": "web-0"}, "", true},
		"of another namespace":  {map[string]string{"kind": "Pod", "name": "web-0", "namespace": "test"}, "", false},
		"stranger":              {map[string]string{"kind": "Pod", "name": "web-1", "namespace": "shop"}, chain, false},
		"owner":                 {map[string]string{"kind": "ReplicaSet", "name": "web-1", "namespace": "shop"}, chain, true},
		"owner in the context":  {map[string]string{"kind": "ReplicaSet", "name": "web-1", "namespace": "shop"}, `{"kubernetesContext": ` + chain + `}`, true},
		"unknown enrichment":    {map[string]string{"kind": "Pod", "name": "web-0"}, `{"ownerChain": "none"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := request()
			r.EnrichmentResults = json.RawMessage(test.enrichment)
			if got := newBench(t, final(proposal(id, nil), map[string]any{"affectedResource": test.affected})).investigate(r).TargetInOwnerChain; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		reply llmtest.Reply
		spoil func(*bench)
		want  error
	}{
		"HG12 model down":      {llmtest.Reply{}, func(b *bench) { b.model.Stop() }, llm.ErrNoAnswer},
		"model refuses":        {llmtest.Reply{Status: http.StatusUnauthorized, Body: "{}"}, func(*bench) {}, llm.ErrNoAnswer},
		"no search":            {search("OOMKilled high"), func(b *bench) { b.storage.Stop() }, catalogue.ErrUnavailable},
		"no check of proposal": {final(proposal(id, nil), nil), func(b *bench) { b.storage.Stop() }, catalogue.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, test.reply)
			test.spoil(b)
			if _, err := b.investigator.Incident(t.Context(), request()); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if len(b.events.all) != 1 || b.events.all[0].Outcome != names.OutcomeFailure || !strings.Contains(string(b.events.all[0].Data), `"error":"`) {
				t.Errorf("got events %+v, want one of a failure", b.events.all)
			}
		})
	}
}

func TestAuditEvent(t *testing.T) {
	b := newBench(t, search("OOMKilled"), llmtest.Reply{Text: "hm"}, final(proposal(id, nil), nil))
	b.investigate(request())
	if len(b.events.all) != 1 {
		t.Fatalf("got %d events, want 1", len(b.events.all))
	}
	event := b.events.all[0]
	got := []string{string(event.Type), string(event.Category), string(event.Outcome), event.CorrelationID, event.ActorID, event.Severity, event.ResourceID, event.Namespace}
	want := []string{"holmesgpt.response.complete", "aiagent", "success", "rr-1", "holmesgpt-api", "critical", "web-0", "shop"}
	if diff := cmp.Diff(want, got); diff != "" || event.DurationMS == nil {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	const data = `{"incident_id":"ai-1","route":"incident","workflow_id":"0","confidence":0.5,"needs_human_review":false,"attempts":2,"model_calls":3,"tool_calls":1}`
	if diff := cmp.Diff(strings.Replace(data, `"0"`, `"`+id+`"`, 1), string(event.Data)); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestMetrics(t *testing.T) {
	b := newBench(t, search("OOMKilled"), llmtest.Reply{Text: "hm"}, final(proposal(id, nil), nil))
	b.investigate(request())
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			series := family.GetName()
			for _, label := range metric.GetLabel() {
				series += "," + label.GetValue()
			}
			if value := metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount()); value > 0 {
				got[series] = value
			}
		}
	}
	want := map[string]float64{
		"kubernaut_holmesgpt_investigations_total,decided,incident": 1, "kubernaut_holmesgpt_llm_calls_total,success": 3,
		"kubernaut_holmesgpt_proposals_total,refused": 1, "kubernaut_holmesgpt_proposals_total,valid": 1,
		"kubernaut_holmesgpt_llm_call_duration_seconds": 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
