// Package routing says whether a remediation may go on now, or why it has to wait.
//
// Five conditions block, and the first that holds is the reason: too many failures in a row, an older active request of the
// same signal, a workflow that runs on the target, the same workflow on the target just before, a failure just before. The
// first, the second and the last concern the signal alone and are asked before any work; all five are asked before a
// workflow starts.
//
// Nothing is remembered: each answer follows from the requests and executions that the cluster holds, so that a restart
// changes nothing and a human's correction of an object counts at once. A request that has waited long enough goes on; if
// it fails too, the next one waits again.
//
// Not a goal: the lock of a target. Two requests that start in the same moment are told apart by the execution's Job name.
package routing

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Limits are the thresholds. All are required.
type Limits struct {
	// ConsecutiveFailures is how many failed requests of one signal in a row block the next one, for FailureCooldown
	// after the last failure.
	ConsecutiveFailures int
	FailureCooldown     time.Duration
	// RemediatedCooldown is how long the same workflow must not run on the same target again after a success.
	RemediatedCooldown time.Duration
	// BackoffBase is the wait after the first failure; it doubles with each further one in a row up to BackoffMax.
	BackoffBase, BackoffMax time.Duration
}

// Block says why a request waits.
type Block struct {
	// Reason is one of v1alpha1's block reasons.
	Reason, Message string
	// Until is when the wait ends; zero when it ends with another object's change.
	Until time.Time
	// DuplicateOf names the older request when Reason is DuplicateInProgress.
	DuplicateOf string
	// Failures of the signal in a row.
	Failures int32
}

// Execution is a workflow that is about to run.
type Execution struct {
	// Target is a WorkflowExecution's spec.targetResource.
	Target     string
	WorkflowID string
}

// Router is safe for concurrent use.
type Router struct {
	// Reader must not read from a cache, and must know the field selectors of both kinds. Required.
	Reader client.Reader
	Limits Limits
	// Now is the clock. Required.
	Now func() time.Time
}

// BeforeWork returns why a request must not be worked on yet, or nil.
func (r Router) BeforeWork(ctx context.Context, request *v1alpha1.RemediationRequest) (*Block, error) {
	s, err := r.look(ctx, request)
	if err != nil {
		return nil, err
	}
	return first(s.consecutiveFailures, s.duplicate, s.backoff), nil
}

// BeforeExecution returns why a request's workflow must not run yet, or nil.
func (r Router) BeforeExecution(ctx context.Context, request *v1alpha1.RemediationRequest, wanted Execution) (*Block, error) {
	s, err := r.look(ctx, request)
	if err != nil {
		return nil, err
	}
	var list v1alpha1.WorkflowExecutionList
	err = r.Reader.List(ctx, &list, client.InNamespace(request.Namespace), client.MatchingFields{v1alpha1.TargetResourceField: wanted.Target})
	if err != nil {
		return nil, fmt.Errorf("listing WorkflowExecutions on %q: %w", wanted.Target, err)
	}
	s.wanted, s.executions = wanted, list.Items
	return first(s.consecutiveFailures, s.duplicate, s.busy, s.recentlyRemediated, s.backoff), nil
}

// Failures returns how many requests of the same signal have failed in a row, without the request itself.
func (r Router) Failures(ctx context.Context, request *v1alpha1.RemediationRequest) (int32, error) {
	s, err := r.look(ctx, request)
	return s.failures, err
}

func (r Router) look(ctx context.Context, request *v1alpha1.RemediationRequest) (situation, error) {
	var list v1alpha1.RemediationRequestList
	fingerprint := request.Spec.SignalFingerprint
	err := r.Reader.List(ctx, &list, client.InNamespace(request.Namespace), client.MatchingFields{v1alpha1.FingerprintField: fingerprint})
	if err != nil {
		return situation{}, fmt.Errorf("listing RemediationRequests of %q: %w", fingerprint, err)
	}
	return newSituation(request, list.Items, r.Limits, r.Now()), nil
}

func first(conditions ...func() *Block) *Block {
	for _, condition := range conditions {
		if block := condition(); block != nil {
			return block
		}
	}
	return nil
}
