package classification

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/policy"
)

// answer reads a policy's rules and keeps the first error; after an error reads return zero values.
type answer struct {
	policy string
	rules  policy.Result
	hash   string
	err    error
}

func (a *answer) fail(rule, format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf("policy %q: rule %q %s", a.policy, rule, fmt.Sprintf(format, args...))
	}
}

// optional returns a text; an undefined rule is an empty one.
func (a *answer) optional(rule string) string {
	value, found := a.rules[rule]
	if !found {
		return ""
	}
	text, ok := value.(string)
	if !ok {
		a.fail(rule, "is %v, want a text", value)
	}
	return text
}

// text returns a text that is not empty.
func (a *answer) text(rule string) string {
	text := a.optional(rule)
	if text == "" {
		a.fail(rule, "is undefined or empty, want a text")
	}
	return text
}

// choice returns one of the values.
func (a *answer) choice(rule string, values ...string) string {
	text := a.text(rule)
	if !slices.Contains(values, text) {
		a.fail(rule, "is %q, want one of %s", text, strings.Join(values, ", "))
		return ""
	}
	return text
}

// texts returns an object of texts; an undefined rule and an empty object are nil.
func (a *answer) texts(rule string) map[string]string {
	value, found := a.rules[rule]
	if !found {
		return nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		a.fail(rule, "is %v, want an object of texts", value)
	}
	var texts map[string]string
	for key, value := range object {
		text, ok := value.(string)
		if !ok {
			a.fail(rule, "has %v under %q, want a text", value, key)
			return nil
		}
		if texts == nil {
			texts = map[string]string{}
		}
		texts[key] = text
	}
	return texts
}
