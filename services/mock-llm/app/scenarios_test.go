package app_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/workflowid"
	"github.com/kubernaut/kubernaut/services/mock-llm/app"
)

const completions = "/v1/chat/completions"

// rows is the table that the platform's suites rely on.
func rows() []row {
	return []row{
		{"oomkilled", "Signal: OOMKilled", "OOMKilled critical", "oomkill-increase-memory-v1", "critical", 0.95},
		{"crashloop", "Signal: CrashLoopBackOff", "CrashLoopBackOff high", "crashloop-config-fix-v1", "high", 0.88},
		{"node_not_ready", "Signal: NodeNotReady", "NodeNotReady critical", "node-drain-reboot-v1", "critical", 0.90},
		{"recovery", "Recovery attempt 2", "OOMKilled critical", "memory-optimize-v1", "critical", 0.85},
		{"test_signal", "Signal: TestSignal", "TestSignal critical", "test-signal-handler-v1", "critical", 0.90},
		{"low_confidence", "MOCK_LOW_CONFIDENCE", "MOCK_LOW_CONFIDENCE critical", "generic-restart-v1", "critical", 0.35},
		{"rca_incomplete", "MOCK_RCA_INCOMPLETE", "MOCK_RCA_INCOMPLETE critical", "generic-restart-v1", "critical", 0.88},
		{"no_workflow_found", "MOCK_NO_WORKFLOW_FOUND", "MOCK_NO_WORKFLOW_FOUND critical", "", "critical", 0},
		{"problem_resolved", "MOCK_PROBLEM_RESOLVED", "MOCK_PROBLEM_RESOLVED low", "", "low", 0.85},
		{"not_reproducible", "MOCK_NOT_REPRODUCIBLE", "MOCK_PROBLEM_RESOLVED low", "", "low", 0.85},
		{"max_retries_exhausted", "MOCK_MAX_RETRIES_EXHAUSTED", "MOCK_MAX_RETRIES_EXHAUSTED high", "", "high", 0},
		{"image_mismatch", "MOCK_IMAGE_MISMATCH", "MOCK_IMAGE_MISMATCH high", "generic-restart-v1", "high", 0.90},
		{"missing_parameter", "MOCK_MISSING_PARAMETER", "MOCK_MISSING_PARAMETER high", "generic-restart-v1", "high", 0.90},
		{"default", "Signal: DiskFull", "Unknown medium", "generic-restart-v1", "medium", 0.75},
	}
}

type row struct {
	name, prompt, query, workflow, severity string
	confidence                              float64
}

func TestML1EveryScenarioCallsTheToolThenAnswers(t *testing.T) {
	s := start(t, app.Config{})
	for _, test := range rows() {
		t.Run(test.name, func(t *testing.T) {
			s := service{t: t, url: s.url}
			var asked, answered completion
			s.ok(completions, first(test.prompt), &asked)
			calls := asked.Choices[0].Message.ToolCalls
			if len(calls) != 1 {
				t.Fatalf("tool calls: got %+v, want one", calls)
			}
			got := []string{calls[0].Type, calls[0].Function.Name, calls[0].Function.Arguments}
			want := []string{"function", names.SearchWorkflowCatalogTool, fmt.Sprintf(`{"query":%q}`, test.query)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("tool call (-want +got):\n%s", diff)
			}
			s.ok(completions, second(test.prompt), &answered)
			test.check(t, answered)
		})
	}
}

func (r row) check(t *testing.T, answered completion) {
	t.Helper()
	analysis := answered.analysis(t)
	if analysis.Confidence != r.confidence || analysis.RootCause.Severity != r.severity {
		t.Errorf("got confidence %v and severity %q, want %v and %q", analysis.Confidence, analysis.RootCause.Severity, r.confidence, r.severity)
	}
	if missing := analysis.AffectedResource == nil; missing != (r.name == "rca_incomplete") {
		t.Errorf("affectedResource: got %+v", analysis.AffectedResource)
	}
	attempts := map[string]int{"max_retries_exhausted": 3}[r.name]
	if len(analysis.Attempts) != attempts {
		t.Errorf("attempts: got %d, want %d", len(analysis.Attempts), attempts)
	}
	for i, attempt := range analysis.Attempts {
		if attempt.Attempt != i+1 || attempt.IsValid || len(attempt.Errors) != 1 {
			t.Errorf("attempt %d: got %+v, want an invalid one with its error", i+1, attempt)
		}
	}
	selected := analysis.SelectedWorkflow
	if r.workflow == "" {
		if selected != nil {
			t.Errorf("workflow: got %+v, want none", selected)
		}
		return
	}
	if selected == nil {
		t.Fatalf("no workflow, want %s", r.workflow)
	}
	if diff := cmp.Diff(workflowid.New(r.workflow, "production"), selected.WorkflowID); diff != "" || selected.Confidence != r.confidence {
		t.Errorf("confidence %v, want %v; workflow %s (-want +got):\n%s", selected.Confidence, r.confidence, r.workflow, diff)
	}
	if foreign := selected.ContainerImage != ""; foreign != (r.name == "image_mismatch") {
		t.Errorf("image: got %q", selected.ContainerImage)
	}
	if empty := len(selected.Parameters) == 0; empty != (r.name == "missing_parameter") {
		t.Errorf("parameters: got %v", selected.Parameters)
	}
}

func TestML2WorkflowIDFollowsFromTheEnvironment(t *testing.T) {
	s := start(t, app.Config{})
	for _, test := range []struct{ prompt, want string }{
		{"OOMKilled\nEnvironment: production", "588c0d01-ef83-5a78-ac19-4af9089b7776"},
		{"OOMKilled", "588c0d01-ef83-5a78-ac19-4af9089b7776"},
		{"OOMKilled\nEnvironment: staging", workflowid.New("oomkill-increase-memory-v1", "staging")},
		{"CrashLoopBackOff\n- **Environment**: staging", "337c905a-67f0-5376-b96d-b9a37d380401"},
		{"DiskFull\nenvironment=production", "a77dd1d4-a5f0-527b-b39a-afb796371a76"},
	} {
		var answered completion
		s.ok(completions, second(test.prompt), &answered)
		selected := answered.analysis(t).SelectedWorkflow
		if selected == nil || selected.WorkflowID != test.want {
			t.Errorf("%q: got %+v, want workflow_id %s", test.prompt, selected, test.want)
		}
	}
}

func TestML3SameRequestSameBytes(t *testing.T) {
	replicas := []service{start(t, app.Config{}), start(t, app.Config{})}
	for _, path := range []string{completions, "/api/chat"} {
		for _, body := range []string{first("OOMKilled"), second("OOMKilled"), plain("OOMKilled")} {
			want := string(replicas[0].ok(path, body, nil))
			for _, replica := range append(replicas, start(t, app.Config{})) {
				if diff := cmp.Diff(want, string(replica.ok(path, body, nil))); diff != "" {
					t.Errorf("%s %s (-first +again):\n%s", path, body, diff)
				}
			}
		}
	}
}

func TestML4ToolsDecideTheFinishReason(t *testing.T) {
	s := start(t, app.Config{})
	noChoice := encode(map[string]any{"messages": opening("OOMKilled"), "tools": []any{map[string]string{"type": "function"}}, "tool_choice": "none"})
	for _, test := range []struct {
		name, body, reason string
		calls              int
	}{
		{"no tools", plain("OOMKilled"), "stop", 0},
		{"empty list of tools", `{"messages": [{"role": "user", "content": "OOMKilled"}], "tools": []}`, "stop", 0},
		{"tool_choice none", noChoice, "stop", 0},
		{"tools", first("OOMKilled"), "tool_calls", 1},
		{"tools and a result", second("OOMKilled"), "stop", 0},
	} {
		var got completion
		s.ok(completions, test.body, &got)
		choice := got.Choices[0]
		if choice.FinishReason != test.reason || len(choice.Message.ToolCalls) != test.calls || (choice.Message.Content == nil) != (test.calls > 0) {
			t.Errorf("%s: got %+v, want finish_reason %s and %d tool calls", test.name, choice, test.reason, test.calls)
		}
	}
}

func TestML5MockWordsWin(t *testing.T) {
	s := start(t, app.Config{})
	for _, prompt := range []string{"OOMKilled MOCK_LOW_CONFIDENCE", "mock_low_confidence then OOMKilled", "oomkilled, mock low confidence"} {
		var got completion
		s.ok(completions, second(prompt), &got)
		if confidence := got.analysis(t).Confidence; confidence != 0.35 {
			t.Errorf("%q: got confidence %v, want 0.35", prompt, confidence)
		}
	}
}

func TestML6ForceTextNeverCallsATool(t *testing.T) {
	s := start(t, app.Config{ForceText: true})
	for _, body := range []string{first("OOMKilled"), second("OOMKilled"), plain("OOMKilled")} {
		var got completion
		s.ok(completions, body, &got)
		if choice := got.Choices[0]; len(choice.Message.ToolCalls) != 0 || choice.FinishReason != "stop" || choice.Message.Content == nil {
			t.Errorf("%s: got %+v, want text", body, choice)
		}
	}
}

func TestML7BothPathsAgree(t *testing.T) {
	s := start(t, app.Config{})
	for _, body := range []string{first("OOMKilled"), second("NodeNotReady"), plain("")} {
		if diff := cmp.Diff(string(s.ok(completions, body, nil)), string(s.ok("/chat/completions", body, nil))); diff != "" {
			t.Errorf("%s (-with v1 +without):\n%s", body, diff)
		}
	}
}

func TestML12ParallelRequestsDoNotMix(t *testing.T) {
	s := start(t, app.Config{})
	bodies := map[string]string{}
	for _, test := range rows() {
		for _, body := range []string{first(test.prompt), second(test.prompt)} {
			bodies[body] = string(s.ok(completions, body, nil))
		}
	}
	var all sync.WaitGroup
	for range 3 {
		for body, want := range bodies {
			all.Go(func() {
				status, got := s.send(http.MethodPost, completions, body, nil)
				if diff := cmp.Diff(want, string(got)); diff != "" || status != http.StatusOK {
					t.Errorf("%s: status %d (-alone +in parallel):\n%s", body, status, diff)
				}
			})
		}
	}
	all.Wait()
}
