// Package lock decides from the executions of one target whether the next may run.
//
// The Job that exists is the lock's first half (package job). This is the second: what has happened to the target before.
// After an execution that may have changed the target, nothing touches it for the cool-down, so that the effect can show.
// After a failure the pause grows, doubling with each further one. After too many failures in a row nothing runs until a
// human has cleared the last of them; the admission webhook writes who that was, and without a name there is no clearance.
// A clearance ends every pause, and the count starts anew.
//
// The history is the objects themselves: the last finished execution carries the count. The package is pure.
package lock

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Reasons why an execution must wait: reasons of its condition Blocked.
const (
	TargetBusy          = "TargetBusy"
	CoolingDown         = "CoolingDown"
	BackingOff          = "BackingOff"
	ConsecutiveFailures = "ConsecutiveFailures"
)

// Policy says how long a target is left alone.
type Policy struct {
	// Cooldown after an execution that may have touched the target.
	Cooldown time.Duration
	// BackoffBase is the pause after the first failure. It doubles with each further one, up to BackoffMax.
	BackoffBase, BackoffMax time.Duration
	// MaxFailures in a row block the target; at least 1.
	MaxFailures int32
}

// Verdict is the answer to an execution that wants to run.
type Verdict struct {
	// Reason is empty when nothing is in the way.
	Reason string
	// Message is for humans.
	Message string
	// Until is when the pause ends; zero when that depends on something else than time.
	Until time.Time
}

// Judge returns whether the execution with the id self may run now, given all executions of its target.
func (p Policy) Judge(executions []v1alpha1.WorkflowExecution, self types.UID, now time.Time) Verdict {
	for _, other := range executions {
		if other.UID != self && other.Status.Phase == v1alpha1.WorkflowExecutionRunning {
			return Verdict{Reason: TargetBusy, Message: fmt.Sprintf("execution %s runs on the target", other.Name)}
		}
	}
	last := lastFinished(executions, self)
	if last == nil || Cleared(last) {
		return Verdict{}
	}
	failures := count(last)
	if failures >= p.MaxFailures {
		return Verdict{Reason: ConsecutiveFailures, Message: fmt.Sprintf(
			"%d executions in a row have failed on the target; a blockClearance in the status of %s lets it go on", failures, last.Name)}
	}
	cooled, backedOff := p.Cooled(last), last.Status.CompletionTime.Add(p.Backoff(failures))
	if backedOff.After(cooled) && now.Before(backedOff) {
		return Verdict{Reason: BackingOff, Until: backedOff, Message: fmt.Sprintf("execution %s was failure %d in a row on the target", last.Name, failures)}
	}
	if now.Before(cooled) {
		return Verdict{Reason: CoolingDown, Until: cooled, Message: fmt.Sprintf("execution %s has just ended on the target", last.Name)}
	}
	return Verdict{}
}

// Failures returns how many executions in a row had failed on the target before self.
func Failures(executions []v1alpha1.WorkflowExecution, self types.UID) int32 {
	if last := lastFinished(executions, self); last != nil && !Cleared(last) {
		return count(last)
	}
	return 0
}

// Cleared reports whether a human has let the target go on after this failure.
func Cleared(execution *v1alpha1.WorkflowExecution) bool {
	clearance := execution.Status.BlockClearance
	return clearance != nil && clearance.ClearedBy != ""
}

// Backoff returns the pause after so many failures in a row; none after none.
func (p Policy) Backoff(failures int32) time.Duration {
	if failures <= 0 {
		return 0
	}
	pause := p.BackoffBase
	for range failures - 1 {
		if pause >= p.BackoffMax {
			break
		}
		pause *= 2
	}
	return min(pause, p.BackoffMax)
}

// Cooled returns the end of the cool-down. A workflow that never started has changed nothing.
func (p Policy) Cooled(last *v1alpha1.WorkflowExecution) time.Time {
	end := last.Status.CompletionTime.Time
	if details := last.Status.FailureDetails; details != nil && !details.WasExecutionFailure {
		return end
	}
	return end.Add(p.Cooldown)
}

func count(execution *v1alpha1.WorkflowExecution) int32 {
	if execution.Status.Phase != v1alpha1.WorkflowExecutionFailed {
		return 0
	}
	return max(1, execution.Status.ConsecutiveFailures)
}

// lastFinished returns the execution beside self that ended last, nil when there is none. Of two within the same second the
// one with more failures counts.
func lastFinished(executions []v1alpha1.WorkflowExecution, self types.UID) *v1alpha1.WorkflowExecution {
	var last *v1alpha1.WorkflowExecution
	for i := range executions {
		other := &executions[i]
		if other.UID == self || !other.Status.Phase.Terminal() || other.Status.CompletionTime == nil {
			continue
		}
		if last == nil || last.Status.CompletionTime.Before(other.Status.CompletionTime) ||
			last.Status.CompletionTime.Equal(other.Status.CompletionTime) && count(last) < count(other) {
			last = other
		}
	}
	return last
}
