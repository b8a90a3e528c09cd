package dialog

import (
	"regexp"
	"strings"

	"github.com/kubernaut/kubernaut/services/mock-llm/scenario"
)

// DefaultEnvironment is the environment of a prompt that names none.
const DefaultEnvironment = "production"

// environment returns the value of the prompt's first environment line.
func environment(prompt string) string {
	return line(prompt, "environment", DefaultEnvironment)
}

// resource returns the object that the prompt's lines resource_kind, resource_name and resource_namespace name. It needs
// kind and name; half of one resource and half of another would name a third.
func resource(prompt string, fallback scenario.Resource) scenario.Resource {
	named := scenario.Resource{
		Kind:      line(prompt, "resource[ _-]kind", ""),
		Name:      line(prompt, "resource[ _-]name", ""),
		Namespace: line(prompt, "resource[ _-]namespace", ""),
	}
	if named.Kind == "" || named.Name == "" {
		return fallback
	}
	return named
}

func recovery(chosen scenario.Scenario, prompt string) *RecoveryAnalysis {
	if !strings.Contains(strings.ToLower(prompt), "recovery") {
		return nil
	}
	return &RecoveryAnalysis{Previous: PreviousAttempt{
		FailureUnderstood: true, FailureReason: chosen.Summary, CurrentSignalType: chosen.SignalType,
	}}
}

// signalTypes returns the values of the prompt's signal_type lines. The form of the answer, which a prompt may describe, has
// such a line, too.
func signalTypes(prompt string) []string { return lines(prompt, "signal[ _-]type") }

// line returns the value of the first line of lines.
func line(prompt, key, fallback string) string {
	if found := lines(prompt, key); len(found) > 0 {
		return found[0]
	}
	return fallback
}

// lines returns the values of the lines "key: value" or "key=value". A line may be a list item, Markdown or JSON:
// `- **Environment:** staging`, `{"severity": "high", "environment": "staging"}`. A value is one word, in the prompt's case.
func lines(prompt, key string) []string {
	const markup = "[ \t\"'*`_]*"
	form := regexp.MustCompile("(?im)(?:^[ \t>#+-]*|[{,][ \t]*)" + markup + key + markup + "[:=]" + markup + "([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)")
	var values []string
	for _, found := range form.FindAllStringSubmatch(prompt, -1) {
		values = append(values, found[1])
	}
	return values
}
