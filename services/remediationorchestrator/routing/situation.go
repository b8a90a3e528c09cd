package routing

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// situation is what the conditions look at. It is a value: its methods are pure.
type situation struct {
	request    *v1alpha1.RemediationRequest
	siblings   []v1alpha1.RemediationRequest // other requests of the same signal
	executions []v1alpha1.WorkflowExecution  // on the wanted target
	wanted     Execution
	limits     Limits
	now        time.Time

	failures    int32     // in a row
	lastFailure time.Time // zero when failures is
}

func newSituation(request *v1alpha1.RemediationRequest, all []v1alpha1.RemediationRequest, limits Limits, now time.Time) situation {
	s := situation{request: request, limits: limits, now: now}
	for _, other := range all {
		if other.Name != request.Name {
			s.siblings = append(s.siblings, other)
		}
	}
	s.failures, s.lastFailure = inARow(s.siblings)
	return s
}

// inARow counts the failures since the last success, newest first. Requests that a human skipped or cancelled say nothing.
func inARow(requests []v1alpha1.RemediationRequest) (count int32, last time.Time) {
	newestFirst := slices.SortedFunc(slices.Values(requests), func(a, b v1alpha1.RemediationRequest) int {
		return cmp.Or(ended(b).Compare(ended(a)), b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	for _, request := range newestFirst {
		switch request.Status.OverallPhase {
		case v1alpha1.Completed:
			return count, last
		case v1alpha1.Failed, v1alpha1.TimedOut:
			if count++; count == 1 {
				last = ended(request)
			}
		}
	}
	return count, last
}

// ended falls back on the creation, because a phase that a human wrote may come without a time.
func ended(request v1alpha1.RemediationRequest) time.Time {
	if at := request.Status.CompletedAt; at != nil {
		return at.Time
	}
	return request.CreationTimestamp.Time
}

func (s situation) consecutiveFailures() *Block {
	if int(s.failures) < s.limits.ConsecutiveFailures {
		return nil
	}
	return s.until(v1alpha1.BlockConsecutiveFailures, s.lastFailure.Add(s.limits.FailureCooldown),
		fmt.Sprintf("the last %d remediations of this signal failed", s.failures))
}

func (s situation) duplicate() *Block {
	for _, other := range s.siblings {
		if !other.Status.OverallPhase.Terminal() && other.DeletionTimestamp == nil && older(&other, s.request) {
			return &Block{
				Reason: v1alpha1.BlockDuplicateInProgress, DuplicateOf: other.Name, Failures: s.failures,
				Message: fmt.Sprintf("%s remediates the same signal", other.Name),
			}
		}
	}
	return nil
}

// older is a total order, so that of two duplicates exactly one waits.
func older(a, b *v1alpha1.RemediationRequest) bool {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name)) < 0
}

func (s situation) busy() *Block {
	for _, execution := range s.executions {
		// One that is being deleted is busy, too: its Job may still run.
		if s.foreign(execution) && !execution.Status.Phase.Terminal() {
			return &Block{
				Reason: v1alpha1.BlockResourceBusy, Failures: s.failures,
				Message: fmt.Sprintf("%s runs on %s", execution.Name, s.wanted.Target),
			}
		}
	}
	return nil
}

func (s situation) recentlyRemediated() *Block {
	for _, execution := range s.executions {
		done := execution.Status.CompletionTime
		same := execution.Spec.WorkflowRef.WorkflowID == s.wanted.WorkflowID && execution.Status.Phase == v1alpha1.WorkflowExecutionCompleted
		if !s.foreign(execution) || !same || done == nil {
			continue
		}
		block := s.until(v1alpha1.BlockRecentlyRemediated, done.Add(s.limits.RemediatedCooldown),
			fmt.Sprintf("%s ran the same workflow on %s just before", execution.Name, s.wanted.Target))
		if block != nil {
			return block
		}
	}
	return nil
}

// foreign leaves out what the request itself has started: the answer must not change when it is asked again.
func (s situation) foreign(execution v1alpha1.WorkflowExecution) bool {
	return execution.Spec.RemediationRequestRef.Name != s.request.Name
}

func (s situation) backoff() *Block {
	if s.failures == 0 {
		return nil
	}
	wait := s.limits.BackoffBase
	for range s.failures - 1 {
		wait = min(2*wait, s.limits.BackoffMax)
	}
	return s.until(v1alpha1.BlockExponentialBackoff, s.lastFailure.Add(wait),
		fmt.Sprintf("the last remediation of this signal failed; attempt %d waits %s", s.failures+1, wait))
}

// until returns nil when the wait is over.
func (s situation) until(reason string, end time.Time, message string) *Block {
	if !end.After(s.now) {
		return nil
	}
	return &Block{Reason: reason, Message: message, Until: end, Failures: s.failures}
}
