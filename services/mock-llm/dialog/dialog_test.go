package dialog_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/workflowid"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
	"github.com/kubernaut/kubernaut/services/mock-llm/scenario"
)

// final returns the analysis that a prompt leads to.
func final(t *testing.T, messages ...dialog.Message) dialog.Analysis {
	t.Helper()
	messages = append(messages, dialog.Message{Role: dialog.Tool, Text: "{}"})
	answer := dialog.Model{}.Answer(dialog.Conversation{Messages: messages, Tools: true})
	var analysis dialog.Analysis
	if err := json.Unmarshal([]byte(answer.Text), &analysis); err != nil {
		t.Fatalf("%v in %q", err, answer.Text)
	}
	return analysis
}

func user(text string) dialog.Message { return dialog.Message{Role: dialog.User, Text: text} }

func TestEnvironmentLine(t *testing.T) {
	for prompt, want := range map[string]string{
		"":                                              "production",
		"no line of that kind":                          "production",
		"Environment:":                                  "production",
		"Environment:\nstaging":                         "production",
		"the environment is staging":                    "production",
		"environment_tier: staging":                     "production",
		"Environment: staging":                          "staging",
		"Environment: staging.":                         "staging",
		"a\nenvironment=qa-1\nb":                        "qa-1",
		"  - **Environment**: staging":                  "staging",
		"* **Environment:** staging (from a label)":     "staging",
		"{\n  \"environment\": \"staging\",\n}":         "staging",
		`{"severity":"high","environment":"staging"}`:   "staging",
		"Environment: staging\nEnvironment: production": "staging",
		"ENVIRONMENT: Test":                             "Test",
	} {
		got := final(t, user("OOMKilled\n"+prompt)).SelectedWorkflow.WorkflowID
		if diff := cmp.Diff(workflowid.New("oomkill-increase-memory-v1", want), got); diff != "" {
			t.Errorf("prompt %q, want environment %s (-want +got):\n%s", prompt, want, diff)
		}
	}
}

func TestAffectedResource(t *testing.T) {
	const all = "Resource Kind: Deployment\nResource Name: api.v1\n- **resource_namespace**: shop\n"
	for _, test := range []struct {
		name, prompt string
		want         *scenario.Resource
	}{
		{"named", "oomkilled\n" + all, &scenario.Resource{Kind: "Deployment", Name: "api.v1", Namespace: "shop"}},
		{"cluster-scoped", "nodenotready\nresource_kind: Node\nresource_name: n1", &scenario.Resource{Kind: "Node", Name: "n1"}},
		{"not named", "oomkilled", &scenario.Resource{Kind: "Pod", Name: "api-server", Namespace: "production"}},
		{"half named", "oomkilled\nresource_name: x", &scenario.Resource{Kind: "Pod", Name: "api-server", Namespace: "production"}},
		{"left out", "mock_rca_incomplete\n" + all, nil},
	} {
		if diff := cmp.Diff(test.want, final(t, user(test.prompt)).AffectedResource); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// What tools and the model itself said must not change the scenario between two turns.
func TestOnlyTheCallerChoosesTheScenario(t *testing.T) {
	got := final(t, user("NodeNotReady"),
		dialog.Message{Role: dialog.Assistant, Text: "mock_low_confidence"},
		dialog.Message{Role: dialog.Tool, Text: "workflows: crashloop-config-fix-v1, OOMKilled recovery\nenvironment: staging"})
	if diff := cmp.Diff(workflowid.New("node-drain-reboot-v1", "production"), got.SelectedWorkflow.WorkflowID); diff != "" {
		t.Errorf("workflow (-want +got):\n%s", diff)
	}
	for _, role := range []dialog.Role{dialog.System, dialog.Developer} {
		got := final(t, dialog.Message{Role: role, Text: "CrashLoopBackOff"}, user("investigate"))
		if diff := cmp.Diff("CrashLoopBackOff", got.RootCause.SignalType); diff != "" {
			t.Errorf("from a %s message (-want +got):\n%s", role, diff)
		}
	}
}

// The form of the answer comes before the signal, and the signal's context after it.
func TestSignalTypeLineChoosesTheScenario(t *testing.T) {
	for prompt, want := range map[string]string{
		"signal_type: OOMKilled\nenrichment_results: {\"reason\":\"CrashLoopBackOff\"}":                       "OOMKilled",
		"{\"severity\": \"high\", \"signal_type\": \"type\"}\nsignal_type: OOMKilled\nseen: CrashLoopBackOff": "OOMKilled",
		"- **Signal Type:** NodeNotReady (CrashLoopBackOff)":                                                  "NodeNotReady",
		"signal_type: HighLatency\nseen: CrashLoopBackOff":                                                    "CrashLoopBackOff",
		"signal_type: OOMKilled\nerror_message: MOCK_NO_WORKFLOW_FOUND":                                       "MOCK_NO_WORKFLOW_FOUND",
		"no signal_type: line of its own, OOMKilled in CrashLoopBackOff":                                      "CrashLoopBackOff",
	} {
		if diff := cmp.Diff(want, final(t, user(prompt)).RootCause.SignalType); diff != "" {
			t.Errorf("prompt %q (-want +got):\n%s", prompt, diff)
		}
	}
}

func TestRecoveryAnalysis(t *testing.T) {
	if got := final(t, user("OOMKilled")).RecoveryAnalysis; got != nil {
		t.Errorf("without a recovery: got %+v, want none", got)
	}
	got := final(t, user("OOMKilled, Recovery attempt 2"))
	if got.RecoveryAnalysis == nil || got.Confidence != 0.95 {
		t.Errorf("with a recovery: got %+v, want the scenario's answer with a recovery analysis", got)
	}
}

func TestIDFollowsFromTheConversation(t *testing.T) {
	base := dialog.Conversation{Model: "m", Messages: []dialog.Message{user("a"), user("b")}, Tools: true}
	id := func(change func(*dialog.Conversation)) string {
		c := base
		c.Messages = append([]dialog.Message(nil), base.Messages...)
		change(&c)
		return dialog.Model{}.Answer(c).ID
	}
	seen := map[string]string{}
	for name, change := range map[string]func(*dialog.Conversation){
		"base":     func(*dialog.Conversation) {},
		"model":    func(c *dialog.Conversation) { c.Model = "n" },
		"tools":    func(c *dialog.Conversation) { c.Tools = false },
		"text":     func(c *dialog.Conversation) { c.Messages[1].Text = "c" },
		"role":     func(c *dialog.Conversation) { c.Messages[1].Role = dialog.System },
		"border":   func(c *dialog.Conversation) { c.Messages[0].Text, c.Messages[1].Text = "ab", "" },
		"one more": func(c *dialog.Conversation) { c.Messages = append(c.Messages, user("")) },
	} {
		got := id(change)
		if got != id(change) {
			t.Errorf("%s: two answers to one conversation have different ids", name)
		}
		if other, taken := seen[got]; taken || len(got) != 32 {
			t.Errorf("%s: id %q, want 32 digits other than %q's", name, got, other)
		}
		seen[got] = name
	}
}

func TestProseHoldsTheAnalysis(t *testing.T) {
	answer := dialog.Model{}.Answer(dialog.Conversation{Messages: []dialog.Message{user("OOMKilled")}})
	_, rest, opened := strings.Cut(answer.Text, "```json\n")
	block, _, closed := strings.Cut(rest, "\n```\n")
	var analysis dialog.Analysis
	if err := json.Unmarshal([]byte(block), &analysis); err != nil || !opened || !closed {
		t.Fatalf("no fenced analysis in %q: %v", answer.Text, err)
	}
	if diff := cmp.Diff(final(t, user("OOMKilled")), analysis); diff != "" {
		t.Errorf("analysis (-after a tool call +without tools):\n%s", diff)
	}
	if strings.HasPrefix(answer.Text, "{") {
		t.Errorf("the text is bare JSON: %q", answer.Text)
	}
}
