package lock_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/workflowexecution/lock"
)

const self = types.UID("self")

var now = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

func policy() lock.Policy {
	return lock.Policy{Cooldown: 5 * time.Minute, BackoffBase: 4 * time.Minute, BackoffMax: 10 * time.Minute, MaxFailures: 4}
}

func execution(name string, phase v1alpha1.WorkflowExecutionPhase, ended time.Duration, edit func(*v1alpha1.WorkflowExecutionStatus)) v1alpha1.WorkflowExecution {
	e := v1alpha1.WorkflowExecution{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
	e.Status.Phase = phase
	if phase.Terminal() {
		e.Status.CompletionTime = &metav1.Time{Time: now.Add(ended)}
	}
	if edit != nil {
		edit(&e.Status)
	}
	return e
}

func failed(failures int32, touched bool) func(*v1alpha1.WorkflowExecutionStatus) {
	return func(status *v1alpha1.WorkflowExecutionStatus) {
		status.ConsecutiveFailures = failures
		status.FailureDetails = &v1alpha1.FailureDetails{WasExecutionFailure: touched}
	}
}

func cleared(by string) func(*v1alpha1.WorkflowExecutionStatus) {
	return func(status *v1alpha1.WorkflowExecutionStatus) {
		failed(9, true)(status)
		status.BlockClearance = &v1alpha1.BlockClearance{ClearedBy: by, ClearReason: "because"}
	}
}

func TestJudge(t *testing.T) {
	const (
		pending   = v1alpha1.WorkflowExecutionPending
		running   = v1alpha1.WorkflowExecutionRunning
		completed = v1alpha1.WorkflowExecutionCompleted
		lost      = v1alpha1.WorkflowExecutionFailed
	)
	type list = []v1alpha1.WorkflowExecution
	for name, test := range map[string]struct {
		executions list
		reason     string
		until      time.Duration // from now; 0 means no time
	}{
		"first":               {list{execution("self", pending, 0, nil)}, "", 0},
		"others wait":         {list{execution("a", pending, 0, nil)}, "", 0},
		"another runs":        {list{execution("a", running, 0, nil)}, lock.TargetBusy, 0},
		"self runs":           {list{execution("self", running, 0, nil)}, "", 0},
		"success just now":    {list{execution("a", completed, -time.Minute, nil)}, lock.CoolingDown, 4 * time.Minute},
		"success long ago":    {list{execution("a", completed, -5*time.Minute, nil)}, "", 0},
		"first failure":       {list{execution("a", lost, -time.Minute, failed(1, true))}, lock.CoolingDown, 4 * time.Minute},
		"second failure":      {list{execution("a", lost, -time.Minute, failed(2, true))}, lock.BackingOff, 7 * time.Minute},
		"third failure":       {list{execution("a", lost, -time.Minute, failed(3, true))}, lock.BackingOff, 9 * time.Minute},
		"last failure":        {list{execution("a", lost, -24*time.Hour, failed(4, true))}, lock.ConsecutiveFailures, 0},
		"nothing was touched": {list{execution("a", lost, -time.Minute, failed(1, false))}, lock.BackingOff, 3 * time.Minute},
		"untouched long ago":  {list{execution("a", lost, -4*time.Minute, failed(1, false))}, "", 0},
		"uncounted failure":   {list{execution("a", lost, -time.Minute, nil)}, lock.CoolingDown, 4 * time.Minute},
		"cleared":             {list{execution("a", lost, 0, cleared("alice"))}, "", 0},
		"clearance by nobody": {list{execution("a", lost, 0, cleared(""))}, lock.ConsecutiveFailures, 0},
		"cleared, then failed": {list{execution("a", lost, -time.Hour, cleared("alice")), execution("b", lost, -time.Minute, failed(1, false))},
			lock.BackingOff, 3 * time.Minute},
		"failed, then succeeded": {list{execution("b", completed, -10*time.Minute, nil), execution("a", lost, -time.Hour, failed(4, true))}, "", 0},
		"both in one second":     {list{execution("a", lost, -10*time.Minute, failed(4, true)), execution("b", completed, -10*time.Minute, nil)}, lock.ConsecutiveFailures, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := policy().Judge(test.executions, self, now)
			var until time.Time
			if test.until != 0 {
				until = now.Add(test.until)
			}
			if diff := cmp.Diff([]any{test.reason, until}, []any{got.Reason, got.Until}); diff != "" {
				t.Errorf("reason and end (-want +got):\n%s", diff)
			}
			if (got.Reason == "") != (got.Message == "") {
				t.Errorf("reason %q with message %q", got.Reason, got.Message)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	three := execution("a", v1alpha1.WorkflowExecutionFailed, -time.Hour, failed(3, true))
	for name, test := range map[string]struct {
		later v1alpha1.WorkflowExecution
		want  int32
	}{
		"nothing since":    {execution("b", v1alpha1.WorkflowExecutionPending, 0, nil), 3},
		"self has ended":   {execution("self", v1alpha1.WorkflowExecutionFailed, 0, failed(9, true)), 3},
		"success since":    {execution("b", v1alpha1.WorkflowExecutionCompleted, -time.Minute, nil), 0},
		"clearance since":  {execution("b", v1alpha1.WorkflowExecutionFailed, -time.Minute, cleared("alice")), 0},
		"no name, no word": {execution("b", v1alpha1.WorkflowExecutionFailed, -time.Minute, cleared("")), 9},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lock.Failures([]v1alpha1.WorkflowExecution{three, test.later}, self); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for failures, want := range map[int32]time.Duration{0: 0, 1: 4 * time.Minute, 2: 8 * time.Minute, 3: 10 * time.Minute, 1000: 10 * time.Minute} {
		if got := policy().Backoff(failures); got != want {
			t.Errorf("%d failures: got %s, want %s", failures, got, want)
		}
	}
}
