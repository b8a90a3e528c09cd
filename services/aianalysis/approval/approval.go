// Package approval asks the policy aianalysis.approval whether a human must approve a workflow.
//
// The package knows the question and the form of the answer, and no answer of its own: the policy's require_approval must be
// true or false, and its reason a text that is not empty. Anything else is an error, which says that the policy must be
// mended.
package approval

import (
	"context"
	"fmt"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/policy"
)

// Package is the Rego package that decides.
const Package = "aianalysis.approval"

// Packages returns the Rego packages that a policy folder must define.
func Packages() []string { return []string{Package} }

// Policies is policy.Set's part that is used here.
type Policies interface {
	Eval(ctx context.Context, name string, input any) (policy.Result, string, error)
}

// Approver is safe for concurrent use.
type Approver struct {
	// Policies are asked. Required.
	Policies Policies
}

// Decision is the policy's answer.
type Decision struct {
	Required bool
	Reason   string
	// PolicyHash is the SHA-256, in lower-case hex digits, of the policies that decided.
	PolicyHash string
}

// Decide asks about an analysis that has selected a workflow.
func (a Approver) Decide(ctx context.Context, analysis *v1alpha1.AIAnalysis) (Decision, error) {
	rules, hash, err := a.Policies.Eval(ctx, Package, NewInput(analysis))
	if err != nil {
		return Decision{}, err
	}
	required, ok := rules["require_approval"].(bool)
	if !ok {
		return Decision{}, fmt.Errorf("policy %q: rule %q is %v, want true or false", Package, "require_approval", rules["require_approval"])
	}
	reason, ok := rules["reason"].(string)
	if !ok || reason == "" {
		return Decision{}, fmt.Errorf("policy %q: rule %q is %v, want a text", Package, "reason", rules["reason"])
	}
	return Decision{Required: required, Reason: reason, PolicyHash: hash}, nil
}
