// Package classification asks the policies what a signal means: its severity on the common scale, the environment of its
// target, its priority, whose workload it is, and which labels of the user's own go with it.
//
// The package knows the questions and the form of the answers, and no answer of its own. An answer that is missing, has
// the wrong type, or lies outside the scale is an error: it says that a policy must be mended.
//
// Every policy gets the same document as its input:
//
//	signal       the signal, as in the SignalProcessing's spec
//	namespace    name, labels and annotations of the target's namespace
//	kubernetes   what the cluster said about the target, as in the SignalProcessing's status
//	environment, severity, priority   what was decided before, "" until then
//
// Order: severity and environment, then priority, then business. input.severity is on the common scale, the source's own word
// is input.signal.severity.
package classification

import (
	"context"
	"errors"
	"slices"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/policy"
)

// The packages that must be defined.
const (
	environmentPackage  = "signalprocessing.environment"
	severityPackage     = "signalprocessing.severity"
	priorityPackage     = "signalprocessing.priority"
	businessPackage     = "signalprocessing.business"
	customLabelsPackage = "signalprocessing.customlabels"
)

// Packages returns the Rego packages that a policy folder must define.
func Packages() []string {
	return []string{environmentPackage, severityPackage, priorityPackage, businessPackage, customLabelsPackage}
}

// ErrPoliciesChanged says that the policies were replaced between two questions of one classification. The next try asks
// the new ones.
var ErrPoliciesChanged = errors.New("the policies changed during the classification")

// Policies is policy.Set's part that is used here.
type Policies interface {
	Eval(ctx context.Context, name string, input any) (policy.Result, string, error)
}

// Classifier is safe for concurrent use.
type Classifier struct {
	// Policies are asked. Required.
	Policies Policies
}

// Verdict classifies a signal. Times are zero.
type Verdict struct {
	Environment v1alpha1.EnvironmentClassification
	Severity    string
	Priority    v1alpha1.PriorityAssignment
	// PolicyHash is the hash of the policies that all answers come from.
	PolicyHash string
}

// Classify asks for severity, environment and priority. status.KubernetesContext may be nil.
func (c Classifier) Classify(ctx context.Context, spec v1alpha1.SignalProcessingSpec, status v1alpha1.SignalProcessingStatus) (Verdict, error) {
	in := newInput(spec, status)
	severity := c.ask(ctx, severityPackage, in)
	environment := c.ask(ctx, environmentPackage, in)
	in.Severity = severity.choice("severity", "critical", "high", "medium", "low", "unknown")
	in.Environment = environment.text("environment")
	priority := c.ask(ctx, priorityPackage, in)
	verdict := Verdict{
		Severity:    in.Severity,
		Environment: v1alpha1.EnvironmentClassification{Environment: in.Environment, Source: environment.text("source")},
		Priority: v1alpha1.PriorityAssignment{
			Priority: priority.choice("priority", "P0", "P1", "P2", "P3"), Source: priority.text("source"), PolicyName: priority.optional("policy_name"),
		},
		PolicyHash: priority.hash,
	}
	if err := errors.Join(severity.err, environment.err, priority.err); err != nil {
		return Verdict{}, err
	}
	if slices.ContainsFunc([]*answer{severity, environment}, func(a *answer) bool { return a.hash != priority.hash }) {
		return Verdict{}, ErrPoliciesChanged
	}
	return verdict, nil
}

// Business asks whose workload it is. It comes after Classify, whose verdict status holds. The second result is the
// hash of the policies that answered.
func (c Classifier) Business(ctx context.Context, spec v1alpha1.SignalProcessingSpec, status v1alpha1.SignalProcessingStatus) (v1alpha1.BusinessClassification, string, error) {
	business := c.ask(ctx, businessPackage, newInput(spec, status))
	return v1alpha1.BusinessClassification{
		BusinessUnit:   business.optional("business_unit"),
		ServiceOwner:   business.optional("service_owner"),
		Criticality:    business.optional("criticality"),
		SLARequirement: business.optional("sla_requirement"),
	}, business.hash, business.err
}

// CustomLabels asks for the user's own labels; nil when there are none.
func (c Classifier) CustomLabels(ctx context.Context, spec v1alpha1.SignalProcessingSpec, status v1alpha1.SignalProcessingStatus) (map[string]string, error) {
	custom := c.ask(ctx, customLabelsPackage, newInput(spec, status))
	labels := custom.texts("labels")
	return labels, custom.err
}

// input is what policies see.
type input struct {
	Signal      v1alpha1.Signal             `json:"signal"`
	Namespace   v1alpha1.NamespaceContext   `json:"namespace"`
	Kubernetes  *v1alpha1.KubernetesContext `json:"kubernetes"`
	Environment string                      `json:"environment"`
	Severity    string                      `json:"severity"`
	Priority    string                      `json:"priority"`
}

func newInput(spec v1alpha1.SignalProcessingSpec, status v1alpha1.SignalProcessingStatus) input {
	in := input{Signal: spec.Signal, Kubernetes: status.KubernetesContext, Severity: status.Severity}
	in.Namespace.Name = spec.Signal.TargetResource.Namespace
	if in.Kubernetes == nil {
		in.Kubernetes = &v1alpha1.KubernetesContext{}
	}
	if in.Kubernetes.Namespace != nil {
		in.Namespace = *in.Kubernetes.Namespace
	}
	if status.EnvironmentClassification != nil {
		in.Environment = status.EnvironmentClassification.Environment
	}
	if status.PriorityAssignment != nil {
		in.Priority = status.PriorityAssignment.Priority
	}
	return in
}

func (c Classifier) ask(ctx context.Context, name string, in input) *answer {
	rules, hash, err := c.Policies.Eval(ctx, name, in)
	return &answer{policy: name, rules: rules, hash: hash, err: err}
}
