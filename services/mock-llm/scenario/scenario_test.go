package scenario_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/mock-llm/scenario"
)

func TestSelect(t *testing.T) {
	for prompt, want := range map[string]string{
		"":                             scenario.Default,
		"the disk is full":             scenario.Default,
		"MOCK_LOW_CONFIDENCE":          scenario.LowConfidence,
		"Mock Low Confidence, please":  scenario.LowConfidence,
		"mock_rca_incomplete":          scenario.RCAIncomplete,
		"mock rca incomplete":          scenario.RCAIncomplete,
		"mock_no_workflow_found":       scenario.NoWorkflowFound,
		"mock no workflow found":       scenario.NoWorkflowFound,
		"mock_problem_resolved":        scenario.ProblemResolved,
		"mock_not_reproducible":        scenario.ProblemResolved,
		"mock not reproducible":        scenario.ProblemResolved,
		"MOCK_MAX_RETRIES_EXHAUSTED":   scenario.MaxRetriesExhausted,
		"mock max retries exhausted":   scenario.MaxRetriesExhausted,
		"MOCK_IMAGE_MISMATCH":          scenario.ImageMismatch,
		"mock image mismatch":          scenario.ImageMismatch,
		"mock_missing_parameter":       scenario.MissingParameter,
		"mock missing parameter":       scenario.MissingParameter,
		"a Test Signal arrived":        scenario.TestSignal,
		"TestSignal":                   scenario.TestSignal,
		"CrashLoopBackOff":             scenario.CrashLoop,
		"reason: OOMKilled":            scenario.OOMKilled,
		"NodeNotReady":                 scenario.NodeNotReady,
		"node not ready":               scenario.NodeNotReady,
		"is_recovery_attempt: true":    scenario.Recovery,
		"crash of the loop, oom, node": scenario.Default,
	} {
		if got := scenario.Select(prompt).Name; got != want {
			t.Errorf("Select(%q): got %s, want %s", prompt, got, want)
		}
	}
}

func TestStatedTypesComeBeforeTheRestOfThePrompt(t *testing.T) {
	for _, test := range []struct {
		name, prompt string
		stated       []string
		want         string
	}{
		{"over other words", "CrashLoopBackOff after OOMKilled", []string{"OOMKilled"}, scenario.OOMKilled},
		{"the first with a keyword", "CrashLoopBackOff", []string{"type", "NodeNotReady", "OOMKilled"}, scenario.NodeNotReady},
		{"without a keyword", "it was OOMKilled", []string{"HighLatency"}, scenario.OOMKilled},
		{"without any keyword", "it is slow", []string{"HighLatency"}, scenario.Default},
		{"not over a mock word", "mock_no_workflow_found", []string{"OOMKilled"}, scenario.NoWorkflowFound},
	} {
		if got := scenario.Select(test.prompt, test.stated...).Name; got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// Every row wins over all rows below it, wherever the words stand.
func TestOrder(t *testing.T) {
	order := []string{"mock_low_confidence", "test signal", "crashloop", "oomkilled", "nodenotready", "recovery"}
	want := []string{scenario.LowConfidence, scenario.TestSignal, scenario.CrashLoop, scenario.OOMKilled, scenario.NodeNotReady, scenario.Recovery}
	for i := range order {
		prompt := ""
		for _, word := range order[i:] {
			prompt = word + " " + prompt
		}
		if got := scenario.Select(prompt).Name; got != want[i] {
			t.Errorf("Select(%q): got %s, want %s", prompt, got, want[i])
		}
	}
}

func TestTable(t *testing.T) {
	var got []string
	seen := map[string]bool{}
	for _, row := range scenario.All() {
		got = append(got, row.Name)
		for _, keyword := range row.Keywords {
			if keyword != strings.ToLower(keyword) || seen[keyword] {
				t.Errorf("%s: keyword %q is not in lower case or there twice", row.Name, keyword)
			}
			seen[keyword] = true
		}
	}
	want := []string{
		scenario.LowConfidence, scenario.RCAIncomplete, scenario.NoWorkflowFound, scenario.ProblemResolved, scenario.MaxRetriesExhausted,
		scenario.ImageMismatch, scenario.MissingParameter,
		scenario.TestSignal, scenario.CrashLoop, scenario.OOMKilled, scenario.NodeNotReady, scenario.Recovery, scenario.Default,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// A caller that changes what it got must not change what the next one gets.
func TestTableIsNotShared(t *testing.T) {
	scenario.Select("oomkilled").Workflow.Parameters["MEMORY_LIMIT"] = "0"
	if got, want := scenario.Select("oomkilled").Workflow.Parameters["MEMORY_LIMIT"], "1Gi"; got != want {
		t.Errorf("after a change of another copy: got %q, want %q", got, want)
	}
}
